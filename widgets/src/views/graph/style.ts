/** Rules of the graph view and of the stage, which the backward view uses too; colours by token only. */

export const STAGE_CSS = `
.ts-stage { position: relative; width: 100%; height: 100%; overflow: hidden; }
.ts-stage-canvas { position: absolute; inset: 0; width: 100%; height: 100%; touch-action: none; cursor: grab; }
.ts-view .ts-stage-canvas:focus-visible { outline: 2px solid var(--ts-focus); outline-offset: -2px; }
.ts-stage .ts-tip { max-width: min(420px, 90%); }
.ts-minimap { position: absolute; right: 10px; bottom: 10px; border: 1px solid var(--ts-line); border-radius: 4px; cursor: pointer; touch-action: none; box-shadow: var(--ts-shadow); }
.ts-minimap[hidden] { display: none !important; }
.ts-graph-legend { display: flex; flex-wrap: wrap; gap: 0 14px; margin-left: auto; min-width: 0; }
.ts-status > .ts-graph-legend { flex: 0 1 auto; }
.ts-graph-legend > span { display: flex; align-items: center; gap: 5px; flex-wrap: wrap; }
.ts-graph-legend i { width: 12px; height: 3px; border-radius: 2px; flex: none; }
.ts-graph-legend i[data-ramp] { width: 84px; height: 8px; border: 1px solid var(--ts-line); }
.ts-graph-legend em { font-style: normal; color: var(--ts-faint); padding-left: 4px; }
.ts-help { position: absolute; inset: 0; z-index: 30; display: flex; align-items: center; justify-content: center; background: color-mix(in srgb, var(--ts-bg) 55%, transparent); padding: 12px; }
.ts-view .ts-help:focus-visible { outline: none; }
.ts-help-card { width: min(480px, 100%); max-height: 100%; overflow: auto; background: var(--ts-bg); border: 1px solid var(--ts-line); border-radius: 8px; box-shadow: var(--ts-shadow); padding: 10px 14px 14px; }
.ts-help-head { display: flex; align-items: center; justify-content: space-between; gap: 20px; margin-bottom: 6px; }
.ts-help-card h2 { font-size: 13px; font-weight: 600; }
.ts-help-card dl { margin: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(180px, 1fr)); gap: 3px 16px; }
.ts-help-card dl > div { display: flex; gap: 8px; align-items: baseline; }
.ts-help-card dt { min-width: 84px; text-align: right; flex: none; } .ts-help-card dd { margin: 0; color: var(--ts-muted); }
.ts-help-card kbd { font: 11px var(--ts-mono); border: 1px solid var(--ts-line); border-bottom-width: 2px; border-radius: 4px; padding: 0 4px; background: var(--ts-panel); margin-left: 2px; }
`;

export const GRAPH_CSS = STAGE_CSS + `
.ts-graph { position: relative; height: 100%; min-height: 200px; overflow: hidden; }
.ts-graph-icons { gap: 2px; flex: none; }
.ts-graph > .ts-bar .ts-select { max-width: 172px; }
.ts-graph-body { position: relative; display: flex; min-height: 0; }
.ts-graph-outline { flex: 0 0 auto; width: 218px; border-right: 1px solid var(--ts-line); display: flex; flex-direction: column; min-height: 0; background: var(--ts-bg); }
.ts-graph-outline .ts-tree { height: 100%; }
.ts-outline-row { display: flex; align-items: baseline; gap: 6px; min-width: 0; flex: 1; }
.ts-outline-row > :first-child { flex: 0 1 auto; }
.ts-outline-row[data-kind='module'] > :first-child { font-weight: 600; }
.ts-outline-note { margin-left: auto; color: var(--ts-muted); font-size: 11px; flex: 0 10000 auto; overflow: hidden; text-overflow: ellipsis; min-width: 0; }
.ts-graph-search { position: relative; flex: 1 1 92px; max-width: 220px; min-width: 80px; }
.ts-graph-search .ts-input { width: 100%; }
.ts-graph-failure { position: absolute; inset: 0; pointer-events: none; }
.ts-graph-hits { position: absolute; z-index: 25; top: 28px; left: 0; width: max(100%, 300px); max-height: 320px; overflow: auto; margin: 0; padding: 4px; list-style: none; background: var(--ts-bg); border: 1px solid var(--ts-line); border-radius: 6px; box-shadow: var(--ts-shadow); }
.ts-graph-hits li { display: flex; gap: 8px; align-items: baseline; padding: 2px 8px; border-radius: 4px; cursor: pointer; white-space: nowrap; }
.ts-graph-hits li > :last-child { margin-left: auto; font-size: 11px; color: var(--ts-muted); }
.ts-graph-hits li[aria-selected='true'], .ts-graph-hits li:hover { background: var(--ts-forward-soft); }
.ts-graph-hits li[data-note] { color: var(--ts-muted); cursor: default; background: none; }
.ts-side { flex: 0 0 auto; width: 268px; border-left: 1px solid var(--ts-line); background: var(--ts-bg); padding: 8px 12px 14px; font-size: 12px; }
.ts-graph[data-narrow] .ts-side { position: absolute; z-index: 10; right: 0; top: 0; bottom: 0; width: min(268px, 62%); box-shadow: var(--ts-shadow); }
.ts-graph[data-narrow] .ts-graph-outline { position: absolute; z-index: 11; left: 0; top: 0; bottom: 0; width: min(240px, 70%); box-shadow: var(--ts-shadow); }
.ts-side-head { display: flex; align-items: center; gap: 6px; justify-content: space-between; margin: -2px -6px 4px 0; }
.ts-side-head h2 { font: 600 14px var(--ts-mono); }
.ts-side h3 { font-size: 11px; font-weight: 600; color: var(--ts-muted); margin: 12px 0 3px; }
.ts-side-actions { display: flex; flex-wrap: wrap; gap: 6px; margin: 4px 0 8px; }
.ts-side-dot { width: 9px; height: 9px; border-radius: 5px; border: 1.5px solid var(--ts-trouble); } .ts-side-dot[data-on] { background: var(--ts-trouble); }
dl.ts-side-facts { margin: 0; display: grid; gap: 1px; }
.ts-side-facts > div { display: flex; gap: 8px; }
.ts-side-facts dt { color: var(--ts-muted); flex: 0 0 74px; } .ts-side-facts dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.ts-side-links { list-style: none; }
.ts-side-kernels { margin: 0; padding: 0; list-style: none; } .ts-side-kernels li { display: flex; gap: 8px; justify-content: space-between; align-items: baseline; padding: 1px 0; } .ts-side-kernels li > :last-child:not(:first-child) { flex: none; font-size: 11px; }
.ts-side-links button { display: flex; width: calc(100% + 12px); margin: 0 -6px; gap: 8px; justify-content: space-between; align-items: baseline; padding: 2px 6px; border: 0; border-radius: 4px; background: none; color: inherit; font: inherit; text-align: left; cursor: pointer; }
.ts-side-links button:hover { background: var(--ts-inset); }
.ts-side-links button > :last-child { flex: none; max-width: 50%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 11px; }
.ts-side-none { color: var(--ts-faint); padding: 2px 0; }
.ts-side-line { display: block; width: 100%; text-align: left; border: 1px solid var(--ts-line); border-radius: 5px; background: var(--ts-panel); padding: 4px 8px; font: inherit; color: inherit; cursor: pointer; }
.ts-side-line:disabled { cursor: default; }
.ts-side-line span { display: block; font-size: 11px; } .ts-side-line code { display: block; font: 11.5px/1.45 var(--ts-mono); white-space: pre-wrap; overflow-wrap: anywhere; }
.ts-side-hops { display: inline-flex; align-items: center; gap: 2px; white-space: nowrap; }
.ts-side-trace { display: flex; flex-wrap: wrap; align-items: center; gap: 2px 12px; margin-bottom: 6px !important; color: var(--ts-muted); }
.ts-side-problem { margin-top: 10px !important; padding: 6px 8px !important; border-radius: 5px; background: var(--ts-trouble-soft); color: var(--ts-fg); border-left: 3px solid var(--ts-trouble); }
.ts-side-bad { color: var(--ts-trouble); }
`;
