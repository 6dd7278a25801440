/** The rows of a chosen layer's output as points, in two and three dimensions, over steps. */

import { h } from 'preact';
import { addStyle } from '../../theme';
import { viewOf } from '../mount';
import { PROJECTOR_CSS } from './style';
import { ProjectorView } from './view';

/**
 * Options: `key`, a module path ("fc1") or a full key ("weight/emb.weight"), `dimensions`, 2 or 3, `method` ("pca", "tsne", "axes", "own"), `axes`, `own` (the name of
 * the user's method), `pictures` (points as pictures) and `color`, what to colour by.
 */
export const projector = viewOf(({ at, host, root }) => {
  addStyle(root, 'tapescope-projector', PROJECTOR_CSS);
  const { key, dimensions, method, axes, own, pictures, color } = host.options ?? {}, words = (v: unknown) => (typeof v === 'string' ? v : '');
  const known = ['tsne', 'axes', ...(words(own) ? ['own'] : [])].includes(words(method)) ? (method as 'tsne' | 'axes' | 'own') : 'pca';
  return h(ProjectorView, { at, preset: { key: words(key) || null, depth: Number(dimensions) === 3 ? 3 : 2, method: known, axes: words(axes), own: words(own), pictures: pictures === true, by: words(color) || null } });
});
