// Bundles: one ES module a view for anywidget (its text is imported from a blob: address: what is loaded later comes through the kernel, see split),
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
  await mkdir(out, { recursive: true });
  const dense = async text => (flags.has('--production') ? (await minify(text, TERSER)).code : text);
  for (const entry of [...(await list('src/anywidget', '.ts')).filter(file => !/^host\.ts$/.test(basename(file))), join(here, 'src/replay/page.ts')]) {
    const { main, parts } = await split(entry), name = basename(entry, '.ts');
    await writeFile(join(out, `${name}.js`), await dense(main));
    if (parts.size) await mkdir(join(out, name));
    for (const [part, text] of parts) await writeFile(join(out, name, part), await dense(text));
  }
}

/**
 * One file from an entry and all that it imports, and one for each `import()` in it (see src/parts.ts). esbuild splits by symbol; its files are put
 * together again here, except those that come later. `export` and `import` stand alone at the ends of what it writes.
 */
async function split(entry) {
  const ours = { name: 'parts', setup(at) { at.onResolve({ filter: /\/parts$/ }, ({ path, resolveDir }) => (join(resolveDir, path) === join(here, 'src/parts') ? { path: PARTS, external: true } : null)); } };
  const { outputFiles, metafile } = await build({
    ...common, entryPoints: [entry], splitting: true, chunkNames: '[name]-[hash]', outdir: out, write: false, metafile: true, plugins: [ours, ...(flags.has('--production') ? [denser] : [])],
  });
  const texts = new Map(outputFiles.map(file => [basename(file.path), file.text]));
  const imports = new Map(Object.entries(metafile.outputs).map(([path, made]) => [basename(path), made.imports.filter(i => i.path !== PARTS).map(i => ({ kind: i.kind, name: basename(i.path) }))]));
  const named = (name, kind) => imports.get(name).filter(i => i.kind === kind).map(i => i.name);
  const own = new Set([basename(entry).replace(/\.ts$/, '.js')]);
  for (const name of own) for (const needed of named(name, 'import-statement')) own.add(needed);
  const later = [...texts.keys()].filter(name => !own.has(name));
  const called = text => text.replace(/^import "\.\/[^"]+";$/gm, '').replace(/\bimport\("\.\/([^"]+)"\)/g, (_, name) => `$part("${name}")`);
  const wanted = new Map();                             // of our own, by file: what the parts need
  const parts = new Map(later.map(name => {
    const body = called(texts.get(name)).replace(/^import \{([^}]*)\} from "(?:\.\/)?([^"]+)";$/gm, (_, names, from) => {
      if (from === PARTS) throw new Error(`${name} is a part and imports parts`);
      if (own.has(from)) wanted.set(from, new Set([...(wanted.get(from) ?? []), ...words(names).map(([n]) => n)]));
      return `const {${words(names).map(([n, as = n]) => `${n}: ${as}`)}} = $modules["${from}"];`;
    }).replace(/^export \{([^}]*)\};$/m, (_, names) => `return {${words(names).map(([n, as = n]) => `${as}: ${n}`)}};`);
    if (/^(import|export)\b/m.test(body)) throw new Error(`${name}: not understood: ${/^(import|export)\b.*/m.exec(body)[0]}`);
    return [name, `export const needs = ${JSON.stringify(named(name, 'import-statement').filter(n => !own.has(n)))};\nexport function make($modules, $part) {\n${body}\n}\n`];
  }));
  const gives = [...wanted].map(([from, names], i) => [from, [...names].map((n, k) => [n, `s${i}_${k}`])]);
  const first = [...own][0], { exports } = Object.entries(metafile.outputs).find(([path]) => basename(path) === first)[1];
  const stdin = `import ${exports.length ? 'view from ' : ''}"./${first}";\nimport { share } from "${PARTS}";\n${gives.map(([from, names]) => `import { ${names.map(([n, as]) => `${n} as ${as}`)} } from "./${from}";\n`).join('')}`
    + `share({ ${gives.map(([from, names]) => `"${from}": { ${names.map(([n, as]) => `${n}: ${as}`)} }`)} });\n${exports.length ? 'export default view;\n' : ''}`;
  const memory = { name: 'memory', setup(at) {
    at.onResolve({ filter: /./ }, ({ path }) => (path === PARTS ? { path: join(here, 'src/parts.ts') } : { path: basename(path), namespace: 'memory' }));
    at.onLoad({ filter: /./, namespace: 'memory' }, ({ path }) => { const text = called(texts.get(path)); return { contents: text.includes('$part(') ? `import { part as $part } from "${PARTS}";\n${text}` : text }; });
  } };
  if (!parts.size) return { main: (await build({ ...common, entryPoints: [entry], write: false, plugins: flags.has('--production') ? [denser] : [] })).outputFiles[0].text, parts };
  return { main: (await build({ ...common, stdin: { contents: stdin }, write: false, plugins: [memory] })).outputFiles[0].text, parts };
}

const PARTS = 'tapescope:parts';
const words = list => list.split(',').map(one => one.trim().split(' as ')).filter(([one]) => one);

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
