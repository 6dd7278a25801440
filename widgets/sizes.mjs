// Gzipped sizes of what is sent to a browser against budgets.json (KB); what is over budget fails. Builds nothing: run build:prod before.
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url)), out = join(here, '../kernel_lib/tapescope');
const budgets = JSON.parse(await readFile(join(here, 'budgets.json'), 'utf8'));
let over = 0;

const read = async dir => {
  const names = (await readdir(join(out, dir)).catch(() => [])).filter(name => name.endsWith('.js')).sort();
  return Promise.all(names.map(async name => { const text = await readFile(join(out, dir, name)); return { name, text: String(text), kb: gzipSync(text, { level: 9 }).length / 1000 }; }));
};

function line(name, kb, budget, all) {
  const verdict = budget === undefined ? 'no budget' : kb > budget ? 'OVER' : 'ok';
  if (verdict === 'OVER') over++;
  console.log(`${name.padEnd(28)} ${kb.toFixed(1).padStart(6)} KB gz  of ${String(budget ?? '-').padStart(3)}  ${verdict}${all === undefined ? '' : `, the largest; together ${all.toFixed(1)}`}`);
}

for (const { name, kb } of await read('static')) {
  const view = name.slice(0, -3), later = await read(join('static', view));
  line(view, kb, budgets.static[view]);
  if (later.length) line(`  comes later: ${later.length} parts`, Math.max(...later.map(part => part.kb)), budgets.static.part, later.reduce((sum, part) => sum + part.kb, 0));
}

// JupyterLab loads the entry and what it names at its start; the chunk with the hub serves every tab; the rest comes with the tab that needs it.
const chunks = await read('labextension/static'), entry = chunks.find(c => c.name.startsWith('remoteEntry'));
if (entry) {
  const named = new Set([...entry.text.matchAll(/\.e\("?(\w+)"?\)/g)].map(m => m[1])), sum = list => list.reduce((kb, c) => kb + c.kb, 0), budget = budgets.labextension;
  const initial = chunks.filter(c => c === entry || c.name === 'style.js' || named.has(c.name.split('.')[0])), later = chunks.filter(c => !initial.includes(c));
  line('labextension, at the start', sum(initial), budget.initial);
  for (const chunk of later.sort((a, b) => b.kb - a.kb).filter(c => c.kb > 1)) {
    const core = chunk.text.includes('tapescope.hub.1');
    line(`labextension, ${core ? 'core' : 'lazy'} ${chunk.name.split('.')[0]}`, chunk.kb, core ? budget.core : budget.lazy);
  }
  line('labextension, total', sum(chunks), budget.total);
}
process.exitCode = over ? 1 : 0;
