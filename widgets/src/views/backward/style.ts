/** Rules of the backward view, on top of those of the stage. */

import { STAGE_CSS } from '../graph/style';

export const BACKWARD_CSS = STAGE_CSS + `
.ts-back { position: relative; container-type: inline-size; min-height: 200px; overflow: hidden; }
.ts-back-body { display: flex; min-height: 0; }
.ts-back-panel { flex: 0 0 auto; width: 316px; border-left: 1px solid var(--ts-line); padding: 9px 12px 14px; font-size: 12px; background: var(--ts-bg); }
.ts-view .ts-back-panel:focus-visible { outline-offset: -2px; }
.ts-back-panel h2 { font-size: 14px; font-weight: 600; } .ts-back-panel h3 { font-size: 11px; font-weight: 600; color: var(--ts-muted); margin: 13px 0 4px; }
.ts-back-over { padding: 4px 0 2px !important; font-weight: 600; }
.ts-back-bar { gap: 5px 6px; }
.ts-back-bar .ts-button > span { font-size: 10px; color: var(--ts-backward); letter-spacing: -0.1em; }
.ts-back-where { display: flex; align-items: center; gap: 8px; min-width: 0; }
.ts-back-where b { font-variant-numeric: tabular-nums; }
.ts-back-track { flex: 1 1 60px; max-width: 160px; min-width: 30px; height: 5px; border-radius: 3px; background: var(--ts-line); overflow: hidden; }
.ts-back-track > i { display: block; height: 100%; background: var(--ts-backward); }
.ts-back-said { padding: 5px 12px !important; border-bottom: 1px solid var(--ts-line); background: var(--ts-trouble-soft); box-shadow: inset 3px 0 var(--ts-trouble); flex: none; }
.ts-back-legend { display: flex; gap: 12px; } .ts-back-legend > span { display: inline-flex; align-items: center; gap: 5px; }
.ts-back-legend i { width: 16px; height: 11px; border-radius: 3px; border: 1px solid var(--ts-muted); font: 9px/9px var(--ts-font); text-align: center; color: var(--ts-fg); flex: none; }
.ts-back-legend i[data-is='done'] { background: var(--ts-backward-soft); border-color: var(--ts-backward); }
.ts-back-legend i[data-is='current'] { background: var(--ts-backward); border-color: var(--ts-backward); color: var(--ts-bg); }
.ts-back-legend i[data-is='pending'] { border-style: dashed; }
.ts-formula { margin: 9px 0 2px; padding: 7px 10px; border-radius: 6px; background: var(--ts-panel); border: 1px solid var(--ts-line); overflow-x: auto; font-size: 14.5px; line-height: 1.5; }
.ts-formula .ts-overbar { border-top: 0.065em solid currentColor; padding-top: 0.1em; margin: 0 0.04em; }
.ts-formula math { display: block math; width: fit-content; margin: 3px 0; color: var(--ts-fg); }
.ts-tcard { border: 1px solid var(--ts-line); border-radius: 6px; padding: 5px 8px; margin-bottom: 5px; min-width: 0; }
.ts-tcard-head { display: flex; align-items: baseline; gap: 8px; white-space: nowrap; min-width: 0; font-size: 11.5px; }
.ts-tcard-facts { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 0 8px; font-size: 10.5px; color: var(--ts-muted); margin-top: 4px; line-height: 1.3; } .ts-tcard-facts b { display: block; font-weight: 500; color: var(--ts-fg); overflow: hidden; text-overflow: ellipsis; }
.ts-tcard-bad, .ts-shares [data-bad] { color: var(--ts-trouble); }
.ts-heatlet { width: 100%; margin-top: 4px; image-rendering: pixelated; }
.ts-numbers { border-collapse: collapse; margin-top: 3px; font-size: 11px; }
.ts-numbers td { padding: 0 10px 0 0; text-align: right; } .ts-numbers td[data-sign='minus'] { color: var(--ts-backward); } .ts-numbers td[data-sign='bad'] { color: var(--ts-trouble); font-weight: 700; }
.ts-view .ts-shares { list-style: none; display: grid; gap: 2px; }
.ts-shares li { display: flex; align-items: center; gap: 8px; } .ts-shares li > :first-child { flex: 0 0 44%; } .ts-shares li > :last-child:not(:first-child) { flex: 0 0 auto; min-width: 44px; text-align: right; font-size: 11px; }
.ts-shares i { flex: 1; height: 6px; border-radius: 3px; background: var(--ts-inset); overflow: hidden; } .ts-shares i b { display: block; height: 100%; background: var(--ts-backward); border-radius: 3px; }
.ts-back .ts-side-line { display: block; width: 100%; text-align: left; border: 1px solid var(--ts-line); border-radius: 5px; background: var(--ts-panel); padding: 4px 8px; font: inherit; color: inherit; cursor: pointer; }
.ts-back .ts-side-line:disabled { cursor: default; } .ts-back .ts-side-line span { display: block; font-size: 11px; } .ts-back .ts-side-line code { display: block; font: 11.5px/1.45 var(--ts-mono); white-space: pre-wrap; overflow-wrap: anywhere; }
.ts-back-scale { display: flex; align-items: center; gap: 2px; font-size: 11px; } .ts-back-scale .ts-button { height: 20px; padding: 0 7px; font-family: var(--ts-mono); font-size: 11px; border-color: var(--ts-line); margin-left: 4px; }
.ts-back-hint { display: flex; flex-direction: column; gap: 6px; color: var(--ts-muted); } .ts-back-hint pre { margin: 0; padding: 6px 10px; border-radius: 6px; background: var(--ts-inset); color: var(--ts-fg); font: 12px/1.5 var(--ts-mono); user-select: all; }
@container (max-width: 660px) {
  .ts-back-body { flex-direction: column; } .ts-back-body > .ts-stage { flex: 1 1 45%; min-height: 120px; }
  .ts-back-panel { width: auto; flex: 1 1 55%; border-left: 0; border-top: 1px solid var(--ts-line); min-height: 90px; }
}
@container (max-width: 660px) and (min-width: 480px) {
  .ts-back-body { flex-direction: row; } .ts-back-body > .ts-stage { flex: 1 1 50%; } .ts-back-panel { flex: 0 0 50%; border-top: 0; border-left: 1px solid var(--ts-line); }
}
`;
