/** Rules of the histogram view and of the step scrubber; colours by token only. */

import { BREAKS_CSS } from '../../breaks/style';

export const SCRUB_CSS = `
.ts-scrub { display: flex; align-items: center; gap: 8px; flex: none; padding: 4px 10px; border-top: 1px solid var(--ts-line); background: var(--ts-panel); min-height: 34px; }
.ts-scrub .ts-slider { width: auto; min-width: 0; }
.ts-scrub .ts-button { flex: none; }
.ts-scrub-step { white-space: nowrap; min-width: 74px; text-align: right; }
.ts-scrub-step b { font-weight: 600; }
`;

export const HISTOGRAM_CSS = SCRUB_CSS + BREAKS_CSS + `
.ts-hist { height: 100%; min-height: 220px; overflow: hidden; }
.ts-hist-search { flex: 0 1 190px; }
.ts-hist-list { height: 100%; position: relative; padding: 0 12px 16px; }
.ts-hist-head { position: sticky; top: 0; z-index: 2; display: grid; gap: 10px; background: var(--ts-bg); padding: 8px 0 6px; font-size: 11px; font-weight: 600; color: var(--ts-muted);
  box-shadow: 0 6px 6px -4px var(--ts-bg); }
.ts-hist-head span { display: flex; align-items: center; gap: 6px; }
.ts-hist-head i { width: 8px; height: 8px; border-radius: 2px; background: var(--ts-forward); flex: none; }
.ts-hist-head i[data-backward] { background: var(--ts-backward); }
.ts-hist-section { font-size: 11px; font-weight: 600; color: var(--ts-muted); margin: 18px 0 4px !important; padding-top: 8px !important; border-top: 1px solid var(--ts-line); }
.ts-hist-line { margin: 6px -2px 0; padding: 0 2px 1px; content-visibility: auto; contain-intrinsic-size: auto 92px; }
.ts-hist-name { display: flex; align-items: baseline; gap: 8px; font-size: 12px; padding-bottom: 2px; }
.ts-hist-name b { font-weight: 500; font-family: var(--ts-mono); font-size: 11.5px; }
.ts-hist-name .ts-leaf-dot { align-self: center; margin: -4px; }
.ts-hist-problem { flex: none; padding: 4px 12px !important; color: var(--ts-trouble); }
.ts-hist-name span { color: var(--ts-muted); font-size: 11px; }
.ts-hist-tiles { display: grid; gap: 10px; }
.ts-hist-tile { position: relative; min-width: 0; border-radius: 4px; cursor: pointer; text-align: left; padding: 0 0 1px; }
.ts-hist-tile canvas { width: 100%; height: 46px; border-radius: 3px; background: var(--ts-panel); box-shadow: 0 0 0 1px var(--ts-line); }
.ts-hist-tile:hover canvas { box-shadow: 0 0 0 1px var(--ts-faint); }
.ts-hist-tile[aria-selected='true'] canvas { box-shadow: 0 0 0 2px var(--ts-fg); }
.ts-hist-facts { display: flex; gap: 8px; align-items: baseline; height: 18px; padding-top: 3px; font-size: 11px; color: var(--ts-muted); white-space: pre; overflow: hidden; }
.ts-hist-facts > span:first-child { flex: 1 1 auto; white-space: pre; }
.ts-hist-tile { container-type: inline-size; }
@container (max-width: 205px) { .ts-hist-facts:has(.ts-hist-mark) { height: 33px; gap: 0 6px; line-height: 15px; } .ts-hist-facts:has(.ts-hist-mark) > span:first-child { white-space: pre-line; overflow-wrap: anywhere; } }
@container (max-width: 142px) { .ts-hist-facts { height: 33px; gap: 0 6px; line-height: 15px; } .ts-hist-facts > span:first-child { white-space: pre-line; overflow-wrap: anywhere; } }
.ts-hist-mark { flex: none; color: var(--ts-muted); }
.ts-hist-mark[data-trouble] { color: var(--ts-trouble); font-weight: 600; }
.ts-hist-mark[data-trouble]::before { content: '\\25BC'; font-size: 8px; margin-right: 3px; vertical-align: 1px; }
.ts-hist-none { height: 46px; border-radius: 3px; border: 1px dashed var(--ts-line); }
.ts-hist-focus { display: flex; flex-direction: column; height: 100%; min-width: 0; }
.ts-hist-title { display: flex; align-items: center; gap: 8px; padding: 8px 12px 4px; min-width: 0; }
.ts-hist-title h2 { font: 600 13px var(--ts-mono); min-width: 0; }
.ts-hist-modes { padding: 0 8px; display: flex; flex-wrap: wrap; align-items: center; gap: 2px 8px; }
.ts-hist-plot { position: relative; flex: 1 1 auto; min-height: 90px; margin: 4px 8px 0 4px; }
.ts-hist-plot canvas { position: absolute; inset: 0; width: 100%; height: 100%; cursor: crosshair; }
dl.ts-hist-figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(62px, 1fr)); gap: 2px 8px; margin: 0; padding: 6px 12px 10px; flex: none; }
.ts-hist-figures div { min-width: 0; }
.ts-hist-figures dt { font-size: 10.5px; color: var(--ts-muted); }
.ts-hist-figures dd { margin: 0; font-size: 12.5px; }
.ts-hist-figures [data-trouble] dd { color: var(--ts-trouble); font-weight: 600; }
.ts-hist-figures [data-trouble] dt { color: var(--ts-trouble); }
.ts-hist-ramp { display: inline-flex; align-items: center; gap: 6px; margin-left: auto; font-size: 10.5px; color: var(--ts-muted); padding-right: 4px; }
.ts-hist-ramp i { width: 64px; height: 8px; border-radius: 2px; box-shadow: 0 0 0 1px var(--ts-line); }
.ts-hist[data-short] .ts-hist-figures { grid-template-columns: repeat(8, auto); gap: 0 12px; padding: 2px 12px 5px; overflow: hidden; }
.ts-hist[data-narrow] .ts-hist-list { padding: 0 10px 12px; }
.ts-hist-note { padding: 2px 12px 6px; color: var(--ts-muted); font-size: 11.5px; }
`;
