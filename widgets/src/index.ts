/** What other packages may use: the views, the hub and the contract's types. */

export { hubOf, type Hub } from './hub';
export { PROTOCOL, type Incoming, type Outgoing, type RecordingInfo } from './wire/messages';
export type * from './store/types';
export { addStyle, dress, onTheme, readTheme, type Theme } from './theme';
export { backward } from './views/backward';
export { dashboard } from './views/dashboard';
export { findings } from './views/findings';
export { graph } from './views/graph';
export { histograms } from './views/histograms';
export { media } from './views/media';
export { metrics } from './views/metrics';
export { projector } from './views/projector';
export { tensor } from './views/tensor';
export { speak, t } from './chrome/words';
