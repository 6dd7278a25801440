// The extension host's bundle (CommonJS, VS Code's own module stays outside), and those of the pages, one ES module each. Views and Spanish are modules of their own beside them: the panel and the
// notebook renderer name them as './views.js' and './es.js', and are loaded from where they lie.
import { build } from 'esbuild';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { minify } from 'terser';

const here = dirname(fileURLToPath(import.meta.url)), out = join(here, 'dist');
const production = process.argv.includes('--production');
const common = { bundle: true, target: 'es2022', legalComments: 'none', logLevel: 'warning', write: false, absWorkingDir: here };

const beside = { name: 'beside', setup(at) { at.onResolve({ filter: /^\.\/(views|es)\.js$/ }, ({ path }) => ({ path, external: true })); } };

const outputs = await Promise.all([
  build({ ...common, entryPoints: ['src/extension.ts'], platform: 'node', format: 'cjs', external: ['vscode'], outfile: join(out, 'extension.js') }),
  build({ ...common, entryPoints: ['panel', 'renderer', 'views', 'es'].map(name => `src/page/${name}.ts`), format: 'esm', jsx: 'automatic', jsxImportSource: 'preact', outdir: out, plugins: [beside] }),
]);
await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
for (const { path, text } of outputs.flatMap(o => o.outputFiles)) {
  await writeFile(path, production ? (await minify(text, { module: !path.endsWith('extension.js'), ecma: 2020, compress: { passes: 2, pure_getters: true }, format: { comments: false } })).code : text);
}
