// Bundles: one self-contained ES module a view for anywidget (its text is imported from a blob: address, so nothing can be split off),
// the script of an exported page, and the worker as a function whose text it runs, because a blob: module has no place to load a worker from either.
import { build, context } from 'esbuild';
import { minify } from 'terser';
import { mkdir, readdir, writeFile, readFile, rm } from 'node:fs/promises';
import { dirname, join, basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '../kernel_lib/tapescope/static');
const flags = new Set(process.argv.slice(2));
const common = {
  bundle: true, format: 'esm', target: 'es2022', jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none', logLevel: 'warning',
  loader: { '.css': 'text' },
};

const list = async (dir, end) => {
  try {
    return (await readdir(join(here, dir))).filter(name => name.endsWith(end)).map(name => join(here, dir, name));
  } catch { return []; }
};

/**
 * src/engines/layout_plan.ts -> src/generated/layout.ts: all of the layout as one function. The page calls it, and its text is what the worker
 * runs: the code is carried once.
 */
async function workers() {
  await mkdir(join(here, 'src/generated'), { recursive: true });
  const { outputFiles } = await build({ ...common, entryPoints: [join(here, 'src/engines/layout_plan.ts')], format: 'iife', globalName: 'L', minify: true, write: false });
  await put('layout.ts', `// @ts-nocheck: made by build.mjs from engines/layout_plan.ts\nimport type { LayoutCache, layoutPlan } from '../engines/layout_plan';\n\n`
    + `export function layoutCode(): { LayoutCache: typeof LayoutCache; layoutPlan: typeof layoutPlan } {\n${outputFiles[0].text.trim()}\nreturn L;\n}\n`);
}

async function put(name, text) {
  const file = join(here, 'src/generated', name);
  if (await readFile(file, 'utf8').catch(() => '') !== text) await writeFile(file, text);
}

async function views() {
  await rm(out, { recursive: true, force: true });
  const production = flags.has('--production');
  const { outputFiles } = await build({ ...common, entryPoints: [...(await list('src/anywidget', '.ts')).filter(file => basename(file) !== 'host.ts'), join(here, 'src/replay/page.ts')], entryNames: '[name]', outdir: out, write: false, plugins: production ? [denser] : [] });
  await mkdir(out, { recursive: true });
  for (const { path, text } of outputFiles) await writeFile(path, production ? (await minify(text, TERSER)).code : text);
}

/** After esbuild's bundling terser's minifying: 4 % less to send than esbuild's own. Text is not escaped, so that a bundle stays UTF-8. */
const TERSER = { module: true, ecma: 2020, compress: { passes: 3, pure_getters: true, unsafe_arrows: true, keep_fargs: false }, format: { comments: false } };

/** Our style sheets are template strings, which no minifier looks into. */
const denser = {
  name: 'denser',
  setup(at) {
    at.onLoad({ filter: /[\\/](style|css|theme)\.ts$/ }, async ({ path }) => ({
      loader: 'ts', contents: (await readFile(path, 'utf8')).replace(/`\n\.[^`]+`/g, css => css.replace(/\/\*.*?\*\//gs, '').replace(/\s+/g, ' ').replace(/ ?([{};,>]) ?/g, '$1').replace(/: (?!:)/g, ':').replace(/;}/g, '}')),
    }));
  },
};

/** A page to look at any view without a kernel: dev.html?view=graph&theme=dark. */
async function dev() {
  const served = await context({ ...common, entryPoints: [join(here, 'src/testing/dev.ts')], outdir: join(here, 'build/dev'), sourcemap: 'inline' });
  const at = flags.has('--once') ? null : await served.serve({ servedir: here, host: '127.0.0.1', port: 8123 });
  if (at) console.log(`http://127.0.0.1:${at.port}/dev.html?view=dashboard&theme=dark`);
  else { await served.rebuild(); await served.dispose(); }
}

await workers();
if (flags.has('--dev')) await dev();
else if (!flags.has('--workers')) await views();
