/** Times of the graph engine for generated programs: node widgets/bench/graph.mjs prints them. */

import { decoder, flat, sampleOf, type Sample } from '../src/engines/graphmodel.samples';
import { GraphModel } from '../src/engines/graphmodel';
import { planOf, type LevelPlan, type Opened } from '../src/engines/graphmodel_plan';
import { layoutPlan } from '../src/engines/layout_plan';
import { Scene } from '../src/engines/scene';

const CLOSED: Opened = { isOpen: m => m === 0, isFolded: () => false };
const ALL: Opened = { isOpen: () => true, isFolded: () => false };

const time = <T>(fn: () => T): [T, number] => { const t0 = performance.now(), value = fn(); return [value, performance.now() - t0]; };
const median = (list: number[]) => [...list].sort((a, b) => a - b)[list.length >> 1]!;

function measure(name: string, sample: Sample, opened: Opened, repeats: number): void {
  const rows: Record<string, number[]> = { model: [], plan: [], layout: [], scene: [] };
  let plans: LevelPlan[] = [], scene: Scene | undefined;
  for (let r = 0; r < repeats; r++) {
    const [model, tModel] = time(() => new GraphModel(sample.graph, sample.model.text));
    const [plan, tPlan] = time(() => planOf(model, opened));
    const [placed, tLayout] = time(() => layoutPlan(plan.map(p => ({ level: p.level, before: null }))));
    const [made, tScene] = time(() => new Scene(model, plan, placed));
    plans = plan;
    scene = made;
    [tModel, tPlan, tLayout, tScene].forEach((t, i) => Object.values(rows)[i]!.push(t));
  }
  const figures = Object.entries(rows).map(([what, list]) => `${what} ${median(list).toFixed(1).padStart(7)}`).join('  ');
  const sum = Object.values(rows).reduce((total, list) => total + median(list), 0), first = Object.values(rows).reduce((total, list) => total + list[0]!, 0);
  console.log(`${name.padEnd(34)} ${String(scene!.count).padStart(7)} items ${String(scene!.edges).padStart(7)} edges ${String(plans.length).padStart(5)} levels | ms: ${figures}  together ${sum.toFixed(1).padStart(7)}  cold ${first.toFixed(1).padStart(7)}`);
}

for (const [ops, layers] of [[1_000, 11], [10_000, 110], [100_000, 1100]] as const) {
  const nested = sampleOf(decoder(layers, 8)), plain = sampleOf(flat(ops));
  const repeats = ops > 50_000 ? 3 : 7;
  console.log(`\n${nested.graph.ops.count} ops in ${nested.graph.modules.count} calls; ${plain.graph.ops.count} ops without modules`);
  measure('  outermost levels open', nested, CLOSED, repeats);
  measure('  everything open', nested, ALL, repeats);
  measure('  flat', plain, CLOSED, repeats);
}
