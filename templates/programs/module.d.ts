
/* ---- The same in all modules ---- */

/** An array with its shape; row by row. */
export interface Tensor<Data> {
    data: Data;
    shape: number[];
}

/** An output; where another output counts it, only what is true of it. */
export interface Output<Data> extends Tensor<Data> {
    dtype: string;
}

/** What is known of an input or output; an extent of -1 is the number of images. */
export interface Facts {
    name: string;
    dtype: string;
    shape: number[];
}

/** Code for one size of each axis that was given several. */
export interface Size {
    name: string;
    sizes: number[];
    digest: string;
    inputs: number[][];
    outputs: number[][];
}

/** What was computed, by SHA-256: JSON for `eigentensor verify` on any machine. */
export interface Receipt {
    format: 'eigentensor-receipt';
    version: 1;
    graph: { name: string; digest: string };
    inputs: { name: string; tensor: string; digest: string }[];
    outputs: { name: string; tensor: string; digest: string }[];
    result: string;
    ran: { eigentensor: string; mode: string; target: string };
    /** Of models with an open axis of images: how many, and the digest of each. */
    batch?: number;
    images?: string[];
}

export interface Result {
    outputs: Outputs;
    /** SHA-256 of all outputs: the same from every way of running the graph. */
    readonly digest: string;
    /** Where one was asked for. */
    receipt?: Receipt;
}

export interface Options {
    /** Whether the result has a receipt; false if not said. */
    receipt?: boolean;
}

export interface Model {
    /** By name or by position; one input may be given by itself. Throws where they do not fit. */
    run(
        inputs: Inputs | Inputs[keyof Inputs][] | Inputs[keyof Inputs],
        options?: Options,
    ): Result;
}

/** The graph's. */
export declare const name: string;
/** SHA-256 of the graph and its weights, at the first of the sizes. */
export declare const digest: string;
export declare const inputs: Facts[];
export declare const outputs: Facts[];
export declare const sizes: Size[];

/** Makes the model ready to run. Without a source: the file beside this one. */
export declare function load(
    source?: string | URL | BufferSource | WebAssembly.Module,
): Promise<Model>;
