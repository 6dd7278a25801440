import type { View } from '@tapescope/widgets';

/** One tab of the panel; its code arrives when the tab is first shown. */
export interface Tab {
  id: string;
  label: string;
  load: () => Promise<View>;
}

export const tabs: Tab[] = [
  { id: 'dashboard', label: 'Dashboard', load: () => import('@tapescope/widgets/views/dashboard').then(m => m.dashboard) },
  { id: 'graph', label: 'Graph', load: () => import('@tapescope/widgets/views/graph').then(m => m.graph) },
  { id: 'backward', label: 'Backward', load: () => import('@tapescope/widgets/views/backward').then(m => m.backward) },
  { id: 'histograms', label: 'Histograms', load: () => import('@tapescope/widgets/views/histograms').then(m => m.histograms) },
  { id: 'projector', label: 'Projector', load: () => import('@tapescope/widgets/views/projector').then(m => m.projector) },
  { id: 'metrics', label: 'Metrics', load: () => import('@tapescope/widgets/views/metrics').then(m => m.metrics) },
  { id: 'media', label: 'Media', load: () => import('@tapescope/widgets/views/media').then(m => m.media) },
  { id: 'findings', label: 'Findings', load: () => import('@tapescope/widgets/views/findings').then(m => m.findings) },
  { id: 'tensor', label: 'Tensor', load: () => import('@tapescope/widgets/views/tensor').then(m => m.tensor) },
  { id: 'runs', label: 'Runs', load: () => import('@tapescope/widgets/views/runs').then(m => m.runs) }
];
