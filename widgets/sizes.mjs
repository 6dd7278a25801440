// Gzipped sizes of the bundles against their budgets; a bundle over budget fails. Builds nothing: run build:prod before.
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const out = join(dirname(fileURLToPath(import.meta.url)), '../kernel_lib/tapescope/static');
const BUDGET = { graph: 60, backward: 60, metrics: 65, histograms: 40, tensor: 40, projector: 50, findings: 40, dashboard: 130 };   // KB
let over = 0;
for (const file of (await readdir(out)).filter(name => name.endsWith('.js')).sort()) {
  const name = file.slice(0, -3), text = await readFile(join(out, file)), kb = gzipSync(text, { level: 9 }).length / 1000, budget = BUDGET[name];
  const verdict = budget === undefined ? 'no budget' : kb > budget ? 'OVER' : 'ok';
  if (verdict === 'OVER') over++;
  console.log(`${name.padEnd(12)} ${(text.length / 1000).toFixed(1).padStart(7)} KB  ${kb.toFixed(1).padStart(6)} KB gz  of ${String(budget ?? '-').padStart(3)}  ${verdict}`);
}
process.exitCode = over ? 1 : 0;
