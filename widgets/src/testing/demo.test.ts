import { afterEach, describe, expect, it, vi } from 'vitest';
import { hubOf } from '../hub';
import type { Kind } from '../store/types';
import { DemoHost } from './demo';
import { binOf } from './frames';

afterEach(() => vi.useRealTimers());

describe('the demo kernel', () => {
  it('fills a store with every kind, over the wire', () => {
    vi.useFakeTimers();
    delete (globalThis as any)[Symbol.for('tapescope.hub.1')];
    const host = new DemoHost({ steps: 130, held: true });
    const at = hubOf().attach(host);
    for (const kind of ['graph', 'clocks', 'gradients', 'scalars', 'stats', 'histograms', 'findings', 'debug', 'status'] as Kind[]) at.need(kind);
    at.need('tensor', { id: 'weight/fc1.weight' });
    at.need('projection', { id: 'activation/fc1' });
    vi.advanceTimersByTime(3000);
    const run = at.store()!;
    expect(at.link).toMatchObject({ state: 'live', reason: '' });
    expect(run.name).toBe('digits');
    const loss = run.series.get('loss')!;
    expect(loss.value.length).toBe(130);
    expect(loss.value.data[129]).toBeLessThan(loss.value.data[0]! / 2);
    expect(run.graph!.ops.count).toBe(6);
    expect(run.text(run.graph!.nodes.name[run.graph!.nodes.count - 1]!)).toBe('CrossEntropyBackward0');
    expect(run.clocks!.opUs).toHaveLength(6);
    expect(run.gradients!.norm.every(v => v > 0)).toBe(true);
    expect(run.stats.get('grad/fc2.weight')!.step.length).toBe(130);
    expect(run.histograms.get('activation/act1')!.step.length).toBe(130);
    expect(run.tensors.get('weight/fc1.weight')!.at(-1)!.shape).toEqual([48, 64]);
    expect(run.projections.get('activation/fc1')!.length).toBeGreaterThan(5);
    expect(run.findings.map(f => f.rule)).toContain('dead-relu');
    expect(run.debug!.at!.grad_in.length + run.debug!.at!.saved.length).toBeGreaterThan(0);
    expect(run.status!.step).toBe(129);
    at.release();
  });

  it('bins floats in the order of their values', () => {
    const values = [-1e30, -2, -1, -1e-30, -0, 0, 1e-30, 1, 2, 1e30];
    const bins = values.map(binOf);
    expect(bins).toEqual([...bins].sort((a, b) => a - b));
    expect([binOf(NaN), binOf(-Infinity)]).toEqual([-1, -1]);
  });
});
