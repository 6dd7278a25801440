/** Rules of the projector; colours by token only. */

import { SCRUB_CSS } from '../histograms/style';

export const PROJECTOR_CSS = SCRUB_CSS + `
.ts-proj { height: 100%; min-height: 240px; overflow: hidden; }
.ts-view .ts-proj-find { width: 78px; } .ts-view .ts-proj-axes { width: 150px; font-family: var(--ts-mono); }
.ts-proj-stage { position: relative; overflow: hidden; flex: 1 1 auto; min-height: 0; }
.ts-proj-stage > canvas { position: absolute; inset: 0; width: 100%; height: 100%; }
.ts-proj-over { touch-action: none; cursor: grab; }
.ts-proj-over:active { cursor: grabbing; }
.ts-proj-over[data-tool='box'], .ts-proj-over[data-tool='lasso'] { cursor: crosshair; }
.ts-proj-over[data-on] { cursor: pointer; }
.ts-view .ts-proj-over:focus-visible { outline-offset: -2px; }
.ts-proj-side { position: absolute; top: 8px; right: 8px; bottom: 8px; width: 176px; display: flex; flex-direction: column; align-items: stretch; gap: 8px; pointer-events: none; }
.ts-proj-card { pointer-events: auto; background: color-mix(in srgb, var(--ts-bg) 90%, transparent); border: 1px solid var(--ts-line); border-radius: 6px; padding: 7px 9px; overflow: auto; scrollbar-width: thin; min-height: 0; flex: 0 1 auto; }
.ts-proj-card h2 { font-size: 11px; font-weight: 600; color: var(--ts-muted); display: flex; align-items: center; gap: 6px; margin: 0 0 3px !important; }
.ts-proj-legend { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; gap: 0 6px; }
.ts-proj-label { appearance: none; border: 0; background: none; color: var(--ts-fg); font: inherit; font-size: 12px; display: flex; align-items: center; gap: 6px; padding: 1px 4px; height: 20px; border-radius: 4px; cursor: pointer; min-width: 0; text-align: left; }
.ts-proj-label:hover { background: var(--ts-inset); }
.ts-proj-label[aria-pressed='true'] { background: var(--ts-inset); font-weight: 600; }
.ts-proj-label > i { width: 9px; height: 9px; border-radius: 50%; flex: none; border: 2.5px solid; }
.ts-proj-label > span:last-child { margin-left: auto; color: var(--ts-muted); font-weight: 400; font-size: 11px; }
.ts-proj-swatch { width: 9px; height: 9px; border-radius: 50%; flex: none; }
.ts-proj-row { color: var(--ts-fg); font-size: 12px; }
.ts-proj-end { margin-left: auto; }
.ts-view .ts-proj-agree { font-size: 11px; color: var(--ts-muted); padding-bottom: 2px; }
.ts-proj-near { display: grid; grid-template-columns: 1fr; }
.ts-proj-bars { display: grid; grid-template-columns: auto 1fr auto; gap: 2px 6px; align-items: center; font-size: 11px; color: var(--ts-muted); }
.ts-proj-bars i { height: 5px; border-radius: 2px; background: var(--ts-forward); min-width: 1px; }
.ts-proj-ramp { height: 8px; border-radius: 2px; }
.ts-proj-ends { display: flex; justify-content: space-between; font-size: 11px; color: var(--ts-muted); }
.ts-proj-pill { position: absolute; left: 10px; top: 8px; display: flex; align-items: center; gap: 8px; padding: 2px 4px 2px 10px; border-radius: 13px; background: var(--ts-bg); border: 1px solid var(--ts-line); box-shadow: var(--ts-shadow); font-size: 12px; }
.ts-proj-pill b { font-weight: 600; } .ts-proj-pill[data-low] { top: 40px; } .ts-view .ts-proj-pill[data-trouble] { padding: 3px 10px; color: var(--ts-trouble); max-width: 50%; }
.ts-proj-pill > span { padding: 2px 6px 2px 0; font-variant-numeric: tabular-nums; } .ts-proj-pill progress { width: 64px; height: 6px; accent-color: var(--ts-forward); }
.ts-proj-choose { display: flex; flex-direction: column; align-items: center; justify-content: safe center; gap: 10px; height: 100%; padding: 20px 16px; overflow: auto; }
.ts-proj-choose > strong { font-size: 13px; font-weight: 600; }
.ts-proj-choose > p { color: var(--ts-muted); max-width: 52ch; text-align: center; }
.ts-proj-layers { list-style: none; width: min(380px, 100%); border: 1px solid var(--ts-line); border-radius: 7px; flex: none; overflow: hidden; }
.ts-proj-layers li + li { border-top: 1px solid var(--ts-line); }
.ts-proj-layers button { appearance: none; width: 100%; display: flex; align-items: baseline; gap: 10px; border: 0; background: none; color: var(--ts-fg); font: 12px/30px var(--ts-mono); height: 30px; padding: 0 12px; cursor: pointer; text-align: left; }
.ts-view .ts-proj-layers button:focus-visible { outline-offset: -2px; }
.ts-proj-layers button:hover { background: var(--ts-inset); }
.ts-proj-layers button span:last-child { margin-left: auto; color: var(--ts-muted); font-family: var(--ts-font); font-size: 11.5px; }
.ts-proj-wait { width: 34px; height: 34px; }
.ts-proj-wait circle { fill: var(--ts-forward); animation: ts-proj-wait 1.2s ease-in-out infinite; }
.ts-proj-wait circle:nth-child(2) { animation-delay: 0.15s; } .ts-proj-wait circle:nth-child(3) { animation-delay: 0.3s; }
@keyframes ts-proj-wait { 0%, 70%, 100% { opacity: 0.25 } 35% { opacity: 1 } }
.ts-proj[data-small] .ts-proj-side { width: 132px; top: 6px; right: 6px; bottom: 6px; }
.ts-proj[data-small] .ts-proj-card { padding: 4px 6px; }
.ts-proj[data-small] .ts-proj-label { height: 18px; font-size: 11px; padding: 0 2px; gap: 4px; }
.ts-proj[data-small] .ts-proj-label > span:last-child { display: none; }
`;
