/* Serves a folder as any static host does, on 127.0.0.1. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';

const TYPES = {
    '.css': 'text/css',
    '.html': 'text/html',
    '.js': 'text/javascript',
    '.png': 'image/png',
    '.svg': 'image/svg+xml',
    '.wasm': 'application/wasm',
};

/* Its URL, and how to end it. */
export async function serveFolder(folder) {
    const server = createServer(async (request, answer) => {
        const { pathname } = new URL(request.url, 'http://localhost');
        const file = path.join(folder, pathname.endsWith('/') ? `${pathname}index.html` : pathname);
        const bytes = await readFile(file).catch(() => null);
        answer.writeHead(bytes ? 200 : 404, { 'Content-Type': TYPES[path.extname(file)] ?? '' });
        answer.end(bytes);
    });
    await new Promise((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
    });
    return {
        url: `http://127.0.0.1:${server.address().port}/`,
        close: () => new Promise((resolve) => {
            server.closeAllConnections();
            server.close(resolve);
        }),
    };
}
