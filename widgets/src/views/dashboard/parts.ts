/** The large views, as they stand. */

import type { View } from '../../store/types';
import { backward } from '../backward';
import { graph } from '../graph';
import { histograms } from '../histograms';
import { media } from '../media';
import { projector } from '../projector';

export const PARTS: Record<string, View> = { graph, backward, histograms, media, projector };
