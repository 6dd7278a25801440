/** The rows of a chosen layer's output as points, in two and three dimensions, over steps. */

import { h } from 'preact';
import { addStyle } from '../../theme';
import { viewOf } from '../mount';
import { PROJECTOR_CSS } from './style';
import { ProjectorView } from './view';

/** Options: `key`, a module path ("fc1") or a full key ("weight/emb.weight"), and `dimensions`, 2 or 3. */
export const projector = viewOf(({ at, host, root }) => {
  addStyle(root, 'tapescope-projector', PROJECTOR_CSS);
  const { key, dimensions } = host.options ?? {};
  return h(ProjectorView, { at, preset: typeof key === 'string' && key ? key : null, depth: Number(dimensions) === 3 ? 3 : 2 });
});
