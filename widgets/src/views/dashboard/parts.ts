/** The large views, as they stand. */

import type { View } from '../../store/types';
import { histograms } from '../histograms';
import { projector } from '../projector';

export const PARTS: Record<string, View> = { histograms, projector };
