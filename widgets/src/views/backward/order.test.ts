import { describe, expect, it } from 'vitest';
import { sampleOf } from '../../engines/graphmodel.samples';
import { GraphBuilder, mlpGraph } from '../../testing/graphs';
import { longestVisit, orderOf, PASS, rootsOf, statesOf, visit } from './order';

describe('the order of a pass', () => {
  it('is newest first, with each leaf right after the last node that leads to it', () => {
    const g = new GraphBuilder(), w = g.source(1, 'w', [2]), v = g.source(1, 'v', [2]);
    const a = g.op('mul', [w, v], [2]), b = g.op('relu', [a], [2]), c = g.op('add', [b, w], [2]);
    g.op('sum', [c], []);
    const { graph } = sampleOf(g), names = (rows: Iterable<number>) => [...rows].map(n => (graph.nodes.op[n]! >= 0 ? g.strings[graph.ops.name[graph.nodes.op[n]!]!] : g.sourceName(graph.nodes.source[n]!)));
    expect([...longestVisit(graph.nodes)]).toEqual([...visit(graph.nodes, rootsOf(graph.nodes))]);
    // w is used by add and by mul: it arrives only after mul.
    expect(names(visit(graph.nodes, rootsOf(graph.nodes)))).toEqual(['sum', 'add', 'relu', 'mul', 'w', 'v']);
  });

  it('is found again from its length and the cursor, and says what is done', () => {
    const g = mlpGraph(8, [4, 3, 3, 2]), { graph } = sampleOf(g), order = visit(graph.nodes, rootsOf(graph.nodes));
    expect(order.length).toBe(graph.nodes.count);
    expect([...orderOf(graph, order.length, 3, order[3]!)!]).toEqual([...order]);
    expect(orderOf(graph, order.length + 1, 3, order[3]!)).toBeNull();
    expect([...orderOf(graph, order.length, 2, -1)!]).toEqual([...order]);   // a leaf that the kernel has no row for
    const states = statesOf(graph, order, 3, order[3]!);
    expect([...order].map(n => states[n])).toEqual([...order].map((_, k) => (k < 3 ? PASS.done : k > 3 ? PASS.pending : PASS.current)));
    expect(new Set(statesOf(graph, order, order.length, -1))).toEqual(new Set([PASS.done]));
  });

  it('goes by age where no beginning explains the pass', () => {
    const { graph } = sampleOf(mlpGraph(8, [4, 3, 3, 2])), root = rootsOf(graph.nodes)[0]!;
    const states = statesOf(graph, null, 1, root);
    expect(states[root]).toBe(PASS.current);
    expect([...states].filter(s => s === PASS.pending).length).toBe(graph.nodes.count - 1);
  });
});
