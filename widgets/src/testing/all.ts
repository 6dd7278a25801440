/** Views by the name that dev.html knows them by. */

import type { View } from '../store/types';
import { dashboard } from '../views/dashboard';
import { findings } from '../views/findings';
import { histograms } from '../views/histograms';
import { metrics } from '../views/metrics';
import { projector } from '../views/projector';
import { tensor } from '../views/tensor';

export const views: Record<string, View> = { dashboard, findings, histograms, metrics, projector, tensor };
