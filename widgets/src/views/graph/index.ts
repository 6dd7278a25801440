/** The computation graph: modules that open and close, ops inside, overlays, traces, search. */

import { h } from 'preact';
import { addStyle } from '../../theme';
import { viewOf } from '../mount';
import type { Difference } from './changes';
import { OVERLAYS, type Flow, type Overlay } from './look';
import { GRAPH_CSS } from './style';
import { GraphView } from './view';

const oneOf = <T extends string>(value: unknown, all: readonly T[]): T => (all.includes(value as T) ? (value as T) : all[0]!);

/** Options: `flow` "forward" | "grad", `overlay` "none" | "time" | "gradient" | "nonfinite" | "std" | "zeros" | "ratio" | "changes", `shapes` true writes them on the lines, `difference` is what "changes" then shows. */
export const graph = viewOf(({ at, host, root }) => {
  addStyle(root, 'tapescope-graph', GRAPH_CSS);
  const { flow, overlay, shapes, difference } = host.options ?? {};
  return h(GraphView, { at, host, root, wish: { flow: oneOf<Flow>(flow, ['forward', 'grad']), overlay: oneOf<Overlay>(overlay, OVERLAYS.map(o => o.value)), threads: shapes === true, ...(difference ? { difference: difference as Difference } : {}) } });
});
