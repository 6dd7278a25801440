// Three bundles: the extension host's (CommonJS, VS Code's own module stays outside), the panel's page and the notebook renderer's (one ES module each).
import { build } from 'esbuild';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { minify } from 'terser';

const here = dirname(fileURLToPath(import.meta.url)), out = join(here, 'dist');
const production = process.argv.includes('--production');
const common = { bundle: true, target: 'es2022', legalComments: 'none', logLevel: 'warning', write: false, absWorkingDir: here };

const outputs = await Promise.all([
  build({ ...common, entryPoints: ['src/extension.ts'], platform: 'node', format: 'cjs', external: ['vscode'], outfile: join(out, 'extension.js') }),
  build({ ...common, entryPoints: ['src/page/panel.ts', 'src/page/renderer.ts'], format: 'esm', jsx: 'automatic', jsxImportSource: 'preact', outdir: out }),
]);
await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
for (const { path, text } of outputs.flatMap(o => o.outputFiles)) {
  await writeFile(path, production ? (await minify(text, { module: !path.endsWith('extension.js'), ecma: 2020, compress: { passes: 2, pure_getters: true }, format: { comments: false } })).code : text);
}
