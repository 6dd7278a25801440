/** The backward pass: a cursor that walks up the picture of the graph, and what stands at it. */

import { h } from 'preact';
import { addStyle } from '../../theme';
import { viewOf } from '../mount';
import { BACKWARD_CSS } from './style';
import { BackwardView } from './view';

export const backward = viewOf(({ at, host, root }) => {
  addStyle(root, 'tapescope-backward', BACKWARD_CSS);
  return h(BackwardView, { at, host, root });
});
