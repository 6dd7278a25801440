/** Views by the name that dev.html knows them by. */

import type { View } from '../store/types';
import { metrics } from '../views/metrics';

export const views: Record<string, View> = { metrics };
