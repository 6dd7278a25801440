/** Lines that cross within the modules of five recorded architectures, beside Graphviz dot's: `bench/crossings` says how both came to be. */

import { expect, it } from 'vitest';
import { crossingPairs, drawn, type Recorded } from './crossings.samples';

// @ts-expect-error: vitest's own
const files = import.meta.glob('../../bench/crossings/*.json', { import: 'default', eager: true }) as Record<string, any>;
const graphs = files['../../bench/crossings/graphs.json'] as Record<string, Recorded>, dot = files['../../bench/crossings/dot.json'] as Record<string, { dot: number; edges: number }>;

it.each(Object.keys(graphs))('%s: at most twice as many as dot', name => {
  const levels = drawn(graphs[name]!), edges = levels.reduce((n, level) => n + level.edges.length, 0);
  expect(edges, 'dot was asked about other lines: run count.mjs again').toBe(dot[name]!.edges);
  expect(edges).toBeGreaterThan(100);
  expect(levels.reduce((n, level) => n + crossingPairs(level.lines), 0)).toBeLessThanOrEqual(2 * dot[name]!.dot);
});

it('counts pairs of lines', () => {
  expect(crossingPairs([[0, 0, 10, 10], [10, 0, 0, 10], [0, 5, 10, 5.5], [20, 0, 20, 9]])).toBe(3);
  expect(crossingPairs([[0, 0, 5, 5], [0, 0, 5, 8], [5, 5, 9, 9]])).toBe(0);
});
