/** The list of breakpoints, when its tab is turned to. */

import { later } from '../chrome';

export const BreakList = later(() => import('./list').then(m => m.BreakList));
