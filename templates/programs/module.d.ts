
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

export interface Result {
    outputs: Outputs;
    /** SHA-256 of all outputs: the same from every way of running the graph. */
    readonly digest: string;
}

export interface Model {
    /** By name or by position; one input may be given by itself. Throws where they do not fit. */
    run(inputs: Inputs | Inputs[keyof Inputs][] | Inputs[keyof Inputs]): Result;
}

/** SHA-256 of the graph and its weights, at the first of the sizes. */
export declare const digest: string;
export declare const inputs: Facts[];
export declare const outputs: Facts[];
export declare const sizes: Size[];

/** Makes the model ready to run. Without a source: the file beside this one. */
export declare function load(
    source?: string | URL | BufferSource | WebAssembly.Module,
): Promise<Model>;
