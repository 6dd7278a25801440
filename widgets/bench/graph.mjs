// Builds and runs graph.ts: times of model, plan, layout and scene. Times of painting need a page: bench/graph.py.
import { build } from 'esbuild';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';

const here = dirname(fileURLToPath(import.meta.url));
const { outputFiles } = await build({ entryPoints: [join(here, 'graph.ts')], bundle: true, format: 'esm', platform: 'node', target: 'es2022', write: false });
const folder = await mkdtemp(join(tmpdir(), 'tapescope-bench-'));
try {
  await writeFile(join(folder, 'graph.mjs'), outputFiles[0].text);
  await import(pathToFileURL(join(folder, 'graph.mjs')).href);
} finally {
  await rm(folder, { recursive: true, force: true });
}
