/** Views by the name that dev.html knows them by. */

import type { View } from '../store/types';

export const views: Record<string, View> = {};
