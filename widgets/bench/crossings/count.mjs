/**
 * How many lines Graphviz dot lets cross in the same levels: writes dot.json beside this file. Needs `npm install --no-save @viz-js/viz` (dot as WebAssembly).
 * `node widgets/bench/crossings/count.mjs [folder of @viz-js/viz's node_modules]`
 */

import { build } from 'esbuild';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url)), require = createRequire(join(process.argv[2] ?? here, 'x.js'));
const viz = await (await import(pathToFileURL(require.resolve('@viz-js/viz')).href)).instance();
const made = await build({ entryPoints: [join(here, '../../src/engines/crossings.samples.ts')], bundle: true, format: 'esm', write: false });
const { drawn, crossingPairs } = await import(`data:text/javascript;base64,${Buffer.from(made.outputFiles[0].text).toString('base64')}`);

/** A spline of dot's as a line: "e,x,y x,y x,y x,y ..." */
function lineOf(pos) {
  const parts = pos.split(' '), end = parts[0].startsWith('e,') ? parts.shift().slice(2).split(',').map(Number) : null, at = parts.map(p => p.split(',').map(Number)), line = [...at[0]];
  for (let i = 0; i + 3 < at.length; i += 3) for (let s = 1; s <= 12; s++) {
    const t = s / 12, u = 1 - t, [a, b, c, d] = at.slice(i, i + 4);
    line.push(u ** 3 * a[0] + 3 * u * u * t * b[0] + 3 * u * t * t * c[0] + t ** 3 * d[0], u ** 3 * a[1] + 3 * u * u * t * b[1] + 3 * u * t * t * c[1] + t ** 3 * d[1]);
  }
  return end ? [...line, ...end] : line;
}

const found = {};
for (const [name, graph] of Object.entries(JSON.parse(readFileSync(join(here, 'graphs.json'), 'utf8')))) {
  let dot = 0, own = 0, edgesAll = 0;
  for (const { placed, edges, lines } of drawn(graph)) {
    if (!edges.length) continue;
    // A box that shows a level inside is left and entered at the places where its lines go on: dot is told of them as ports.
    const ports = { in: new Map(), out: new Map() }, offset = (x, node) => Math.round(x - placed.x[node]);
    const add = (map, node, at) => { map.set(node, (map.get(node) ?? new Set()).add(at)); };
    edges.forEach(([a, b], e) => { add(ports.out, a, offset(lines[e][0], a)); add(ports.in, b, offset(lines[e].at(-2), b)); });
    const row = (map, node, name) => { const all = [...(map.get(node) ?? [])].sort((p, q) => p - q); return all.length > 1 ? `{${all.map(at => `<${name}${at + 9999}>`).join('|')}}` : ''; };
    const shape = i => { const [top, bottom] = [row(ports.in, i, 'i'), row(ports.out, i, 'o')]; return top || bottom ? `shape=record, label="{${top}|${bottom}}"` : 'shape=box, label=""'; };
    const end = (map, node, name, at, side) => (map.get(node).size > 1 ? `n${node}:${name}${at + 9999}:${side}` : `n${node}`);
    const nodes = Array.from(placed.keys, (_, i) => `n${i} [${shape(i)}, fixedsize=true, width=${Math.max(0.1, (placed.left[i] + placed.right[i]) / 72).toFixed(3)}, height=${Math.max(0.1, placed.height[i] / 72).toFixed(3)}]`);
    const json = viz.renderJSON(`digraph { ${nodes.join('; ')}; ${edges.map(([a, b], e) => `${end(ports.out, a, 'o', offset(lines[e][0], a), 's')} -> ${end(ports.in, b, 'i', offset(lines[e].at(-2), b), 'n')}`).join('; ')} }`, { engine: 'dot' });
    const [theirs, ours] = [crossingPairs((json.edges ?? []).map(e => lineOf(e.pos))), crossingPairs(lines)];
    dot += theirs;
    own += ours;
    if (process.env.LEVELS && (theirs || ours)) console.log(' ', placed.keys.length, 'nodes', { theirs, ours });
    edgesAll += edges.length;
  }
  found[name] = { dot, edges: edgesAll };
  console.log(name, { dot, own, edges: edgesAll });
}
writeFileSync(join(here, 'dot.json'), `${JSON.stringify(found, null, 1)}\n`);
