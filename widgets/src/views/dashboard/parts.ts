/** The large views, as they stand. */

import type { View } from '../../store/types';
import { histograms } from '../histograms';

export const PARTS: Record<string, View> = { histograms };
