export const STYLE = `
.ts-group > summary { list-style: none; padding: 10px 12px 2px; cursor: pointer; user-select: none; }
.ts-group > summary::-webkit-details-marker { display: none; }
.ts-group > summary::before { content: '▶'; display: inline-block; width: 14px; font-size: 8px; color: var(--ts-faint); transition: transform 120ms; transform-origin: 4px 50%; }
.ts-group[open] > summary::before { transform: rotate(90deg); }
.ts-grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(250px, 100%), 1fr)); gap: 10px; padding: 6px 10px 10px; }
.ts-card { margin: 0; border: 1px solid var(--ts-line); border-radius: 7px; padding: 7px 6px 4px 6px; min-width: 0; background: var(--ts-bg); display: flex; flex-direction: column; }
.ts-card[data-wide] { grid-column: 1 / -1; }
.ts-card > figcaption { display: flex; align-items: baseline; gap: 8px; padding: 0 6px 0 6px; }
.ts-card-title { border: 0; background: none; padding: 0; font: inherit; font-weight: 600; color: var(--ts-fg); cursor: pointer; border-radius: 3px; flex: 1; text-align: left; }
.ts-card-value { font-family: var(--ts-mono); font-size: 11.5px; color: var(--ts-muted); white-space: nowrap; }
.ts-card-value[data-bad] { color: var(--ts-trouble); font-weight: 700; }
.ts-card > .ts-legend { padding: 2px 8px 4px 48px; font-size: 11px; }
.ts-plot { position: relative; height: 138px; border-radius: 4px; }
.ts-card[data-wide] .ts-plot { height: 300px; }
.ts-plot-canvas { position: absolute; inset: 0; width: 100%; height: 100%; touch-action: pan-y; cursor: crosshair; }
.ts-plot-hair { position: absolute; width: 0; border-left: 1px dashed var(--ts-faint); pointer-events: none; }
.ts-plot-brush { position: absolute; background: color-mix(in srgb, var(--ts-forward) 14%, transparent); border: solid var(--ts-forward); border-width: 0 1px; pointer-events: none; }
.ts-runs { position: relative; }
.ts-runs > summary { list-style: none; }
.ts-menu { position: absolute; top: 28px; left: 0; z-index: 10; display: flex; flex-direction: column; gap: 2px; padding: 8px 10px; min-width: 160px; background: var(--ts-bg); border: 1px solid var(--ts-line); border-radius: 6px; box-shadow: var(--ts-shadow); }
.ts-metrics p.ts-empty { min-height: 60px; }
`;
