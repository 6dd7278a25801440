/** The one style sheet of our controls and layouts; colours by token only. */
export const CSS = `
.ts-view { box-sizing: border-box; background: var(--ts-bg); color: var(--ts-fg); font: 12.5px/1.45 var(--ts-font); min-width: 0; text-align: left;
  -webkit-font-smoothing: antialiased; font-variant-numeric: tabular-nums; }
.ts-view *, .ts-view *::before, .ts-view *::after { box-sizing: inherit; }
.ts-view h2, .ts-view h3, .ts-view p, .ts-view ul { margin: 0; padding: 0; }
.ts-view dl, .ts-view dt, .ts-view dd { float: none; width: auto; margin: 0; padding: 0; font-weight: inherit; }
.ts-view canvas { display: block; }
.ts-mono { font-family: var(--ts-mono); font-size: 0.94em; }
.ts-muted { color: var(--ts-muted); } .ts-faint { color: var(--ts-faint); }
.ts-clip { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; min-width: 0; }
.ts-row { display: flex; align-items: center; gap: 8px; min-width: 0; } .ts-row.ts-wrap { flex-wrap: wrap; row-gap: 5px; }
.ts-grow { flex: 1 1 auto; min-width: 0; min-height: 0; }
.ts-column { display: flex; flex-direction: column; min-width: 0; min-height: 0; height: 100%; }
.ts-scroll { overflow: auto; scrollbar-width: thin; scrollbar-color: var(--ts-line) transparent; }
.ts-bar { display: flex; align-items: center; flex-wrap: wrap; gap: 6px 10px; padding: 6px 10px; border-bottom: 1px solid var(--ts-line); min-height: 37px; flex: none; }
.ts-title { font-size: 12px; font-weight: 600; letter-spacing: 0.01em; color: var(--ts-fg); }
.ts-view :focus { outline: none; }
.ts-view :focus-visible { outline: 2px solid var(--ts-focus); outline-offset: 1px; }

.ts-button { appearance: none; display: inline-flex; align-items: center; justify-content: center; gap: 5px; height: 24px; padding: 0 9px; margin: 0;
  border: 1px solid var(--ts-line); border-radius: 5px; background: var(--ts-bg); color: var(--ts-fg); font: inherit; line-height: 1; cursor: pointer; white-space: nowrap; }
.ts-button:hover:not(:disabled) { background: var(--ts-inset); }
.ts-button:active:not(:disabled) { background: var(--ts-line); }
.ts-button:disabled { color: var(--ts-faint); opacity: 0.6; cursor: default; }
.ts-button[data-quiet] { border-color: transparent; background: transparent; }
.ts-button[data-quiet]:hover:not(:disabled) { background: var(--ts-inset); }
.ts-button[data-primary] { background: var(--ts-forward); border-color: var(--ts-forward); color: var(--ts-bg); font-weight: 600; }
.ts-button[data-primary]:hover:not(:disabled) { background: color-mix(in srgb, var(--ts-forward) 88%, var(--ts-fg)); }
.ts-button[aria-pressed='true'] { background: var(--ts-forward-soft); border-color: var(--ts-forward); color: var(--ts-fg); }
.ts-button[data-icon] { width: 26px; padding: 0; }

.ts-toggle { display: inline-flex; align-items: center; gap: 6px; border: 0; background: none; padding: 0 2px; height: 24px; color: var(--ts-muted); font: inherit; cursor: pointer; border-radius: 5px; }
.ts-toggle > i { width: 24px; height: 14px; border-radius: 7px; background: var(--ts-line); position: relative; flex: none; transition: background 120ms; }
.ts-toggle > i::after { content: ''; position: absolute; top: 2px; left: 2px; width: 10px; height: 10px; border-radius: 5px; background: var(--ts-bg); transition: transform 120ms; }
.ts-toggle[aria-checked='true'] { color: var(--ts-fg); }
.ts-toggle[aria-checked='true'] > i { background: var(--ts-forward); }
.ts-toggle[aria-checked='true'] > i::after { transform: translateX(10px); }

.ts-select, .ts-input { height: 24px; padding: 0 6px; border: 1px solid var(--ts-line); border-radius: 5px; background: var(--ts-bg); color: var(--ts-fg); font: inherit; min-width: 0; }
.ts-select { max-width: 220px; cursor: pointer; text-overflow: ellipsis; }
.ts-select option { background: var(--ts-bg); color: var(--ts-fg); }
.ts-input::placeholder { color: var(--ts-faint); opacity: 1; }
.ts-field { display: inline-flex; align-items: center; gap: 6px; color: var(--ts-muted); white-space: nowrap; min-width: 0; }

.ts-slider { appearance: none; -webkit-appearance: none; width: 110px; height: 16px; background: transparent; margin: 0; cursor: pointer; }
.ts-slider::-webkit-slider-runnable-track { height: 4px; border-radius: 2px; background: linear-gradient(to right, var(--ts-forward) var(--at, 0%), var(--ts-line) var(--at, 0%)); }
.ts-slider::-moz-range-track { height: 4px; border-radius: 2px; background: var(--ts-line); }
.ts-slider::-moz-range-progress { height: 4px; border-radius: 2px; background: var(--ts-forward); }
.ts-slider::-webkit-slider-thumb { -webkit-appearance: none; width: 12px; height: 12px; margin-top: -4px; border-radius: 6px; border: 2px solid var(--ts-forward); background: var(--ts-bg); }
.ts-slider::-moz-range-thumb { width: 8px; height: 8px; border-radius: 6px; border: 2px solid var(--ts-forward); background: var(--ts-bg); }

.ts-tabs { display: flex; flex-wrap: wrap; gap: 2px; align-items: center; min-width: 0; }
.ts-folding { flex: 1 1 auto; min-width: 0; display: flex; } .ts-folding > .ts-tabs { flex-wrap: nowrap; overflow: hidden; }
.ts-tab { border: 0; background: none; color: var(--ts-muted); font: inherit; height: 24px; padding: 0 9px; border-radius: 5px; cursor: pointer; white-space: nowrap; }
.ts-tab:hover { background: var(--ts-inset); color: var(--ts-fg); }
.ts-tab[aria-selected='true'], .ts-tab[aria-checked='true'] { background: var(--ts-inset); color: var(--ts-fg); font-weight: 600; }

.ts-tree { overflow: auto; position: relative; scrollbar-width: thin; scrollbar-color: var(--ts-line) transparent; }
.ts-tree:focus-visible { outline-offset: -2px; }
.ts-tree-row { position: absolute; left: 0; right: 0; height: 22px; display: flex; align-items: center; gap: 5px; padding-right: 8px; cursor: default; white-space: nowrap; }
.ts-tree-row:hover { background: var(--ts-panel); }
.ts-tree-row[aria-selected='true'] { background: var(--ts-forward-soft); box-shadow: inset 2px 0 var(--ts-forward); }
.ts-tree-twist { width: 12px; flex: none; color: var(--ts-faint); text-align: center; font-size: 9px; cursor: pointer; }

.ts-split { display: flex; width: 100%; height: 100%; min-width: 0; min-height: 0; }
.ts-split[data-along='column'] { flex-direction: column; }
.ts-split > .ts-pane { min-width: 0; min-height: 0; overflow: hidden; position: relative; }
.ts-split > .ts-sash { flex: none; background: var(--ts-line); position: relative; z-index: 2; touch-action: none; }
.ts-split[data-along='row'] > .ts-sash { width: 1px; cursor: col-resize; }
.ts-split[data-along='column'] > .ts-sash { height: 1px; cursor: row-resize; }
.ts-sash::after { content: ''; position: absolute; inset: -4px; }
.ts-sash:hover, .ts-sash:focus-visible, .ts-sash[data-held] { background: var(--ts-forward); }
.ts-sash:focus-visible { outline: 1px solid var(--ts-forward); }

.ts-tip { position: absolute; z-index: 20; pointer-events: none; max-width: 320px; padding: 6px 9px; border-radius: 6px; border: 1px solid var(--ts-line); background: var(--ts-bg); color: var(--ts-fg);
  box-shadow: var(--ts-shadow); font-size: 12px; line-height: 1.4; white-space: pre-line; }
.ts-legend { display: flex; flex-wrap: wrap; gap: 3px 12px; }
.ts-legend > span { display: inline-flex; align-items: center; gap: 5px; color: var(--ts-muted); }
.ts-legend i { width: 12px; height: 3px; border-radius: 2px; flex: none; }
.ts-badge { display: inline-flex; align-items: center; gap: 4px; height: 18px; padding: 0 7px; border-radius: 9px; background: var(--ts-inset); color: var(--ts-muted); font-size: 11px; font-weight: 600; white-space: nowrap; }
.ts-badge[data-tone='forward'] { background: var(--ts-forward-soft); color: var(--ts-forward); }
.ts-badge[data-tone='backward'] { background: var(--ts-backward-soft); color: var(--ts-backward); }
.ts-badge[data-tone='trouble'] { background: var(--ts-trouble-soft); color: var(--ts-trouble); }
[data-ts-theme='contrast'] .ts-badge { border: 1px solid currentColor; }

.ts-empty { display: flex; flex-direction: column; align-items: center; justify-content: center; gap: 8px; height: 100%; min-height: 96px; padding: 20px; text-align: center; color: var(--ts-muted); }
.ts-empty > strong { color: var(--ts-fg); font-weight: 600; font-size: 13px; }
.ts-empty > p { max-width: 46ch; }
.ts-empty pre { margin: 2px 0 0; padding: 7px 12px; border-radius: 6px; background: var(--ts-inset); color: var(--ts-fg); font: 12px/1.5 var(--ts-mono); text-align: left; white-space: pre; max-width: 100%; overflow: auto; user-select: all; }
.ts-empty[data-tone='trouble'] > strong { color: var(--ts-trouble); }

.ts-status { display: flex; flex-wrap: wrap; align-items: center; gap: 0 14px; flex: none; min-height: 26px; padding: 2px 10px; border-top: 1px solid var(--ts-line); background: var(--ts-panel); color: var(--ts-muted); font-size: 11.5px; white-space: nowrap; }
.ts-status b { color: var(--ts-fg); font-weight: 600; }
.ts-status > * { flex: none; } .ts-status > .ts-clip { flex: 0 1 auto; max-width: 100%; }
.ts-dot { width: 7px; height: 7px; border-radius: 4px; background: var(--ts-faint); flex: none; }
.ts-dot[data-on] { background: var(--ts-forward); }
.ts-dot[data-tone='trouble'] { background: var(--ts-trouble); border-radius: 1px; }
.ts-dot[data-tone='backward'] { background: var(--ts-backward); border-radius: 1px; }
.ts-later { padding: 10px 12px; color: var(--ts-muted); }
.ts-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (prefers-reduced-motion: reduce) { .ts-view * { transition: none !important; animation: none !important; } }
`;
