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
.ts-lines { display: flex; flex-wrap: wrap; gap: 0 4px; padding: 2px 4px 3px 30px; font-size: 11px; }
.ts-runs-lines { padding: 6px 10px 0; } .ts-runs-lines .ts-lines { padding: 0; font-size: 12px; }
.ts-line { display: inline-flex; align-items: center; gap: 5px; max-width: 100%; border: 0; background: none; padding: 1px 6px; border-radius: 4px; font: inherit; color: var(--ts-muted); cursor: pointer; }
.ts-line:hover { background: var(--ts-inset); }
.ts-line[aria-pressed='false'] { text-decoration: line-through; } .ts-line[aria-pressed='false'] .ts-line-sample { opacity: 0.25; }
.ts-line-value { font-family: var(--ts-mono); color: var(--ts-fg); }
.ts-line-sample { flex: none; }
.ts-runs-page { padding: 4px 10px 12px; }
.ts-parallel { overflow-x: auto; } .ts-parallel > svg { display: block; }
.ts-parallel text { font: 10.5px var(--ts-font); fill: var(--ts-muted); pointer-events: none; paint-order: stroke; stroke: var(--ts-bg); stroke-width: 3px; }
.ts-parallel text.ts-parallel-name { font-size: 11px; } .ts-parallel text.ts-parallel-name[data-result] { font-weight: 600; fill: var(--ts-fg); }
.ts-parallel-axis > path { stroke: var(--ts-faint); }
.ts-parallel-line { cursor: pointer; } .ts-parallel-line > path:nth-child(2) { stroke-width: 1.8; }
.ts-parallel-line[data-hidden] > path:nth-child(2) { stroke-width: 1.2; stroke-opacity: 0.62; }
.ts-parallel-line[data-out] > path:nth-child(2) { stroke: var(--ts-line); stroke-opacity: 1; } .ts-parallel-line[data-hot] > path:nth-child(2) { stroke-width: 3.4; stroke-opacity: 1; }
.ts-parallel-brush { fill: color-mix(in srgb, var(--ts-forward) 22%, transparent); stroke: var(--ts-forward); pointer-events: none; }
.ts-parallel-grip { fill: transparent; cursor: ns-resize; touch-action: none; }
.ts-parallel-note { color: var(--ts-muted); padding: 0 4px !important; }
.ts-runs-table { margin-top: 8px; overflow-x: auto; }
.ts-runs-table table { border-collapse: collapse; font-size: 12px; }
.ts-runs-table th, .ts-runs-table td { padding: 2px 10px 2px 4px; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--ts-line); max-width: 200px; }
.ts-runs-table th { font-weight: 600; color: var(--ts-muted); position: sticky; top: 0; background: var(--ts-bg); }
.ts-runs-table th[data-result] button { color: var(--ts-fg); }
.ts-runs-table th button { border: 0; background: none; font: inherit; color: inherit; padding: 0; cursor: pointer; max-width: 130px; }
.ts-runs-table .ts-num { text-align: right; font-variant-numeric: tabular-nums; } .ts-runs-table td.ts-num { font-family: var(--ts-mono); font-size: 11.5px; }
.ts-runs-table tr[data-hot] td { background: var(--ts-panel); } .ts-runs-table tr[data-out] td { color: var(--ts-faint); }
.ts-runs-table [data-bad] { color: var(--ts-trouble); font-weight: 700; }
.ts-runs-table input[type='checkbox'] { accent-color: var(--ts-forward); margin: 0; width: 14px; height: 14px; }
.ts-solo { font-size: 10px; font-weight: 700; color: var(--ts-muted); }
.ts-name { border: 0; background: none; padding: 1px 4px; font: inherit; color: inherit; cursor: text; border-radius: 3px; max-width: 190px; text-align: left; } .ts-name:hover { background: var(--ts-inset); }
input.ts-name { border: 1px solid var(--ts-forward); background: var(--ts-bg); width: 150px; }
.ts-metrics p.ts-empty { min-height: 60px; }
`;
