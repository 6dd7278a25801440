/** CSS pixels of a view in a cell's output, where nobody has asked for another height. */
export const HEIGHTS = { graph: 600, backward: 520, histograms: 520, metrics: 420, projector: 520, tensor: 420, media: 420, findings: 360, runs: 420, dashboard: 820 } as const;
