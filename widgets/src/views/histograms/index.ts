/** Distributions of every parameter, gradient, update and activation over steps. */

import { h } from 'preact';
import { addStyle } from '../../theme';
import { viewOf } from '../mount';
import type { AxisChoice, ScaleChoice } from './model';
import { MODES, type Mode } from './plot';
import { HISTOGRAM_CSS } from './style';
import { HistogramView } from './view';

const oneOf = <T extends string>(value: unknown, all: readonly T[]): T => (all.includes(value as T) ? (value as T) : all[0]!);

/**
 * Options: `key` ("grad/fc1.weight") chosen at first, `axis` "auto" | "linear" | "symlog", `scale` "own" | "shared",
 * `mode` "heat" | "ridge" | "overlay" | "bands".
 */
export const histograms = viewOf(({ at, host, root }) => {
  addStyle(root, 'tapescope-histograms', HISTOGRAM_CSS);
  const { key, axis, scale, mode } = host.options ?? {};
  return h(HistogramView, {
    at, preset: typeof key === 'string' ? key : null, axis: oneOf<AxisChoice>(axis, ['auto', 'linear', 'symlog']),
    scale: oneOf<ScaleChoice>(scale, ['own', 'shared']), mode: oneOf<Mode>(mode, MODES.map((m) => m.value)),
  });
});
