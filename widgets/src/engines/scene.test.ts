import { describe, expect, it } from 'vitest';
import { foldsOf } from './graphmodel_fold';
import { shapeText, widthOf } from './graphmodel_label';
import { KIND, planOf, type Opened } from './graphmodel_plan';
import { attentionBlock, decoder, randomProgram, sampleOf, type Sample } from './graphmodel.samples';
import { HUB, ROOT } from './graphmodel';
import { layoutPlan } from './layout_plan';
import { Scene } from './scene';
import { Tween } from './scene_tween';
import { GraphBuilder, mlpGraph, type Ref } from '../testing/graphs';

const ALL: Opened = { isOpen: () => true, isFolded: () => false };
const sceneOf = ({ model }: Sample, opened: Opened = ALL) => {
  const plans = planOf(model, opened);
  return new Scene(model, plans, layoutPlan(plans.map(p => ({ level: p.level, before: null }))));
};
const kinds = (scene: Scene, kind: number) => Array.from({ length: scene.count }, (_, i) => i).filter(i => scene.kind[i] === kind);

describe('the model', () => {
  it('says what lies in what and who uses what', () => {
    const { model } = sampleOf(mlpGraph(8, [4, 3, 3, 2]));
    expect(model.calls(ROOT)).toEqual([0]);
    expect(model.calls(0).map(m => model.text(model.graph.modules.path[m]!))).toEqual(['fc1', 'act1', 'fc2', 'act2', 'head']);
    expect(model.opCount(0)).toBe(5);
    expect([...model.consumers(0)]).toEqual([1]);
    expect(model.usersOf(0)).toEqual([0]);
    expect(model.text(model.graph.nodes.name[model.nodeOfOp[5]!]!)).toBe('CrossEntropyBackward0');
    expect(model.parametersIn(0).length).toBe(6);
  });

  it('tells equal blocks from others, and folds runs of them', () => {
    const { model } = sampleOf(decoder(4, 2)), blocks = model.calls(0);
    expect(new Set(blocks.map(b => model.hash(b))).size).toBe(1);
    expect(foldsOf(model, blocks)).toEqual([{ first: 0, length: 4 }]);
    const scene = sceneOf(sampleOf(decoder(4, 2)), { isOpen: m => m === 0, isFolded: () => true }), [fold] = kinds(scene, KIND.fold);
    expect(scene.label(fold!)).toEqual({ title: 'h.0 … 3', note: 'Block ×4' });
    expect(scene.opsOf(fold!)).toEqual([model.first(blocks[0]!), model.last(blocks[3]!)]);
    const other = new GraphBuilder();
    let x: Ref = other.source(0, 'x', [2]);
    for (let i = 0; i < 4; i++) x = other.module(`m${i}`, 'Block', () => other.op(i === 2 ? 'relu' : 'tanh', [x], [2]));
    expect(foldsOf(sampleOf(other).model, [0, 1, 2, 3]).map(r => r.length)).toEqual([1, 1, 1, 1]);
  });

  it('takes an empty call for what it is, also at the first row', () => {
    const g = new GraphBuilder(), x = g.source(0, 'x', [2]);
    g.module('drop', 'Identity', () => x);
    g.module('fc', 'Linear', () => g.op('linear', [x], [2]));
    const { model } = sampleOf(g);
    expect([model.isRunning(0), model.isRunning(1)]).toEqual([false, false]);
    expect(model.calls(ROOT)).toEqual([1]);
  });
});

describe('the scene', () => {
  it.each([1, 2, 3])('contains every op once, inside its module (program %i)', seed => {
    const sample = sampleOf(randomProgram(150, seed)), scene = sceneOf(sample);
    const ops = [...kinds(scene, KIND.op), ...kinds(scene, KIND.tuck)].map(i => scene.row[i]!).sort((a, b) => a - b);
    expect(ops).toEqual(Array.from({ length: sample.model.ops }, (_, i) => i));
    for (let i = 0; i < scene.count; i++) {
      const p = scene.parent[i]!;
      if (p < 0 || !scene.open[p]) continue;
      expect(scene.x[i]!).toBeGreaterThanOrEqual(scene.x[p]! - 0.1);
      expect(scene.x[i]! + scene.w[i]!).toBeLessThanOrEqual(scene.x[p]! + scene.w[p]! + 0.1);
      expect(scene.y[i]! + scene.h[i]!).toBeLessThanOrEqual(scene.y[p]! + scene.h[p]! + 0.1);
      expect(scene.end[p]).toBeGreaterThan(i);
    }
    for (let op = 0; op < sample.model.ops; op++) expect(scene.row[scene.itemOfOp(op)]).toBe(op);
  });

  it('joins lines at the borders of open modules', () => {
    const scene = sceneOf(sampleOf(decoder(1, 2))), ends = new Set<string>();
    const at = (e: number, last: boolean) => { const k = last ? scene.pointStart[e + 1]! - 1 : scene.pointStart[e]!; return `${Math.round(scene.points[k * 2]!)} ${Math.round(scene.points[k * 2 + 1]!)}`; };
    for (let e = 0; e < scene.edges; e++) if (scene.through[e]! & 1 && scene.kind[scene.to[e]!] !== KIND.exit) ends.add(at(e, true));
    let met = 0;
    for (let e = 0; e < scene.edges; e++) if (scene.kind[scene.from[e]!] === KIND.entry) { expect(ends.has(at(e, false))).toBe(true); met++; }
    expect(met).toBeGreaterThan(10);
  });

  it('stands parameters and their views beside the op that uses them', () => {
    const scene = sceneOf(sampleOf(attentionBlock())), tucked = kinds(scene, KIND.tuck);
    expect(tucked.length).toBe(12);
    for (const i of [...tucked, ...kinds(scene, KIND.chip)]) {
      const p = scene.parent[i]!;
      expect(scene.kind[p]).toBe(KIND.op);
      expect(scene.x[i]! + scene.w[i]! <= scene.x[p]! || scene.x[i]! >= scene.x[p]! + scene.w[p]!).toBe(true);
    }
    expect(scene.itemsOfSource(2).length).toBe(1);
  });

  it('names a mask that everybody uses instead of drawing its lines', () => {
    const g = new GraphBuilder(), mask = g.source(0, 'mask', [2]);
    let x: Ref = g.source(0, 'x', [2]);
    for (let i = 0; i < HUB + 6; i++) x = g.op('mul', [x, mask], [2]);
    const scene = sceneOf(sampleOf(g));
    expect(kinds(scene, KIND.input).length).toBe(1);
    expect(scene.itemsOfSource(0).length).toBe(HUB + 6);
  });

  it('finds what is under the pointer', () => {
    const scene = sceneOf(sampleOf(decoder(1, 2))), op = kinds(scene, KIND.op)[3]!;
    expect(scene.hit(scene.x[op]! + 5, scene.y[op]! + 5, 27)).toBe(op);
    expect(scene.hit(-500, -500, 27)).toBe(-1);
    const frame = scene.parent[op]!;
    expect(scene.hit(scene.x[frame]! + 3, scene.y[frame]! + 3, 27)).toBe(frame);
    expect(scene.hit(scene.x[frame]! + 2, scene.y[frame]! + scene.h[frame]! - 3, 27)).not.toBe(frame);
    expect(scene.frameAt(scene.x[op]! + 5, scene.y[op]! + 5)).toBe(frame);
  });

  it('goes from one picture to the next and arrives', () => {
    const sample = sampleOf(decoder(1, 2)), before = sceneOf(sample, { isOpen: m => m === 0, isFolded: () => false }), after = sceneOf(sample);
    const x = after.x.slice(0, after.count), points = after.points.slice(0, 400), tween = new Tween(before, after);
    tween.set(0);
    const block = after.find(`${KIND.module} 1 `), was = before.find(`${KIND.module} 1 `);
    expect([after.x[block], after.y[block], after.w[block]]).toEqual([before.x[was], before.y[was], before.w[was]]);
    expect(Number.isFinite(after.points[3]!)).toBe(true);
    tween.set(0.5);
    tween.set(1);
    expect([...after.x.slice(0, after.count)]).toEqual([...x]);
    expect([...after.points.slice(0, 400)]).toEqual([...points]);
  });
});

it('writes shapes as people do and measures without a page', () => {
  expect([shapeText('64x10'), shapeText('')]).toEqual(['64×10', 'scalar']);
  expect(widthOf('mmm', 12)).toBeGreaterThan(widthOf('iii', 12) * 1.5);
});
