/** The rows of a chosen layer's output as points, in two and three dimensions, over steps. */

import { h, render } from 'preact';
import { hubOf } from '../../hub';
import type { View } from '../../store/types';
import { dress } from '../../theme';
import { ProjectorView } from './view';

/** Options: `key`, a module path ("fc1") or a full key ("weight/emb.weight"), and `dimensions`, 2 or 3. */
export const projector: View = (el, host) => {
  const { theme, key, dimensions } = host.options ?? {};
  const undress = dress(el, theme);
  const at = hubOf().attach(host, host.recording);
  render(h(ProjectorView, { at, preset: typeof key === 'string' && key ? key : null, depth: Number(dimensions) === 3 ? 3 : 2 }), el);
  return () => {
    render(null, el);
    at.release();
    undress();
  };
};
