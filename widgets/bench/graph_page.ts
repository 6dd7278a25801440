/** Figures of the graph view in a page: first picture, panning and zooming. Opened by graph.py; nothing is sent anywhere. */

import { decoder, flat, sampleOf } from '../src/engines/graphmodel.samples';
import { GraphModel } from '../src/engines/graphmodel';
import { lookOf } from '../src/views/graph/look';
import { Stage } from '../src/views/graph/stage';
import { STAGE_CSS } from '../src/views/graph/style';
import { addStyle, dress } from '../src/theme';
import type { GraphBuilder } from '../src/testing/graphs';

const figures: [string, number, string][] = [];
const note = (what: string, value: number, unit = 'ms') => { figures.push([what, value, unit]); console.log(`${what}: ${value.toFixed(2)} ${unit}`); };
const frame = () => new Promise<number>(resolve => requestAnimationFrame(resolve));
const median = (list: number[]) => [...list].sort((a, b) => a - b)[list.length >> 1]!;
const p95 = (list: number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length * 0.95)]!;

const root = document.getElementById('view')!;
root.style.cssText = 'width:1200px;height:750px';
dress(root, 'light');
addStyle(root, 'stage', STAGE_CSS);

/** Until the stage shows a scene with at least `items` items. */
async function shown(stage: Stage, items: number): Promise<void> {
  while ((stage.scene?.count ?? 0) < items) await frame();
  await frame();
}

async function motion(name: string, stage: Stage, move: (k: number) => void, frames = 90): Promise<void> {
  await frame();
  const gaps: number[] = [], busy: number[] = [];
  let last = await frame();
  for (let k = 0; k < frames; k++) {
    const t0 = performance.now();
    move(k);
    stage.redraw();
    const now = await frame();
    busy.push(performance.now() - t0);
    gaps.push(now - last);
    last = now;
  }
  void busy;
  note(`${name}, frame median`, median(gaps));
  note(`${name}, frame 95 %`, p95(gaps));
}

async function measure(name: string, builder: GraphBuilder, everything: boolean): Promise<void> {
  const { graph, model } = sampleOf(builder), box = document.createElement('div');
  box.className = 'ts-stage';
  root.append(box);
  const t0 = performance.now();
  const stage = new Stage(box, { look: scene => lookOf(scene, { flow: 'forward', overlay: null, trace: null }), card: () => '', choose: () => {}, changed: () => {} });
  stage.show(new GraphModel(graph, model.text));
  await shown(stage, 1);
  note(`${name}: first picture`, performance.now() - t0);
  if (everything) {
    const t1 = performance.now();
    stage.openAll(true);
    await shown(stage, graph.ops.count);
    note(`${name}: all open on the screen`, performance.now() - t1);
  }
  stage.fit();
  for (let k = 0; k < 30; k++) await frame();
  await motion(`${name}: pan, all in view`, stage, k => stage.pan(Math.sin(k / 9) * 9, Math.cos(k / 7) * 7));
  await motion(`${name}: zoom in from all`, stage, () => stage.zoom(1.04));
  await motion(`${name}: pan, close up`, stage, k => stage.pan(6, Math.cos(k / 7) * 9));
  await motion(`${name}: zoom out`, stage, () => stage.zoom(0.96));
  stage.camera = { ...stage.camera, zoom: 0.5 };
  await motion(`${name}: pan at half size`, stage, k => stage.pan(Math.sin(k / 9) * 14, 12));
  stage.close();
  box.remove();
}

async function main(): Promise<void> {
  await measure('1k ops in modules', decoder(11), true);
  await measure('10k ops in modules', decoder(95), true);
  await measure('10k ops flat', flat(10_000), false);
  await measure('100k ops in modules', decoder(930), false);
  await measure('100k ops flat', flat(100_000), false);
  Object.assign(globalThis, { figures });
}
void main();
