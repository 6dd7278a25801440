/** All views in one file: the panel's, and for a notebook's renderer those that it does not carry itself. */

export { backward, dashboard, findings, histograms, hubOf, media, metrics, projector, speak, tensor } from '@tapescope/widgets';
