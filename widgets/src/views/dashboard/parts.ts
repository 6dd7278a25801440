/** The large views: what is seen first as it stands, the others when they are turned to. */

import { laterView } from '../../chrome';
import type { View } from '../../store/types';
import { graph } from '../graph';
import { histograms } from '../histograms';

const backward = () => import('../backward'), media = () => import('../media'), projector = () => import('../projector');

export const PARTS: Record<string, View> = {
  graph, histograms, backward: laterView(() => backward().then(m => m.backward)), media: laterView(() => media().then(m => m.media)), projector: laterView(() => projector().then(m => m.projector)),
};

/** What a breakpoint turns to, or a reader while a cell runs. */
export const AHEAD = [backward, projector, media];
