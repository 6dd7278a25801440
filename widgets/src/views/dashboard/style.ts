export const STYLE = `
.ts-dash { position: relative; overflow: hidden; }
.ts-dash .ts-view { height: 100%; width: 100%; }
.ts-panehead { display: flex; align-items: center; gap: 6px; min-height: 33px; padding: 4px 8px; border-bottom: 1px solid var(--ts-line); background: var(--ts-panel); flex: none; }
.ts-panebody { position: relative; flex: 1 1 auto; min-height: 0; min-width: 0; overflow: hidden; }
.ts-panebody > div { position: absolute; inset: 0; }
.ts-panebody > div[hidden] { display: none; }
.ts-timeline { display: flex; align-items: center; gap: 8px; padding: 4px 10px 4px 6px; border-bottom: 1px solid var(--ts-line); flex: none; height: 44px; }
.ts-timeline canvas { flex: 1 1 auto; min-width: 60px; width: 100px; height: 32px; cursor: ew-resize; border-radius: 3px; touch-action: none; }
.ts-timeline-now { min-width: 11ch; white-space: nowrap; text-align: right; }
`;
