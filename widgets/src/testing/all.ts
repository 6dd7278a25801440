/** Views by the name that dev.html knows them by. */

import type { View } from '../store/types';
import { backward } from '../views/backward';
import { dashboard } from '../views/dashboard';
import { findings } from '../views/findings';
import { graph } from '../views/graph';
import { histograms } from '../views/histograms';
import { media } from '../views/media';
import { metrics } from '../views/metrics';
import { projector } from '../views/projector';
import { runs } from '../views/runs';
import { tensor } from '../views/tensor';

export const views: Record<string, View> = { backward, dashboard, findings, graph, histograms, media, metrics, projector, runs, tensor };
