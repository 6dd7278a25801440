/** Rules of the media view; colours by token only. */
export const STYLE = `
.ts-media-body { padding: 4px 12px 14px; }
.ts-media-body h2 { font-size: 11px; font-weight: 600; color: var(--ts-muted); margin: 12px 0 6px; }
.ts-media-grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(var(--ts-media-size, 220px), 100%), 1fr)); gap: 10px; align-items: start; }
.ts-media-card { margin: 0; min-width: 0; border: 1px solid var(--ts-line); border-radius: 7px; padding: 7px 9px 8px; background: var(--ts-bg); display: flex; flex-direction: column; gap: 6px; }
.ts-media-card[data-wide] { grid-column: 1 / -1; }
.ts-media-card > figcaption { display: flex; align-items: baseline; gap: 2px 8px; min-width: 0; } .ts-media-card > figcaption[data-wraps] { flex-wrap: wrap; } .ts-media-card > figcaption[data-wraps] b { max-width: calc(100% - 36px); }
.ts-media-card > figcaption b { font-weight: 600; flex: 1 1 auto; }
.ts-media-card > figcaption > span { flex: none; color: var(--ts-muted); font-size: 11px; font-family: var(--ts-mono); }
.ts-media-picture { position: relative; display: flex; justify-content: center; background: var(--ts-panel); border-radius: 4px; min-height: 24px; overflow: hidden; }
.ts-media-picture canvas, .ts-media-picture img, .ts-media-picture video { max-width: 100%; height: auto; border-radius: 3px; cursor: crosshair; }
.ts-media-picture[data-sharp] canvas { image-rendering: pixelated; }
.ts-media-card audio { width: 100%; height: 32px; color-scheme: inherit; }
.ts-media-wave { width: 100%; height: 44px; }
.ts-media-text { max-height: 320px; overflow: auto; overflow-wrap: anywhere; }
.ts-media-text > * { margin: 0 0 7px !important; } .ts-media-text > *:last-child { margin-bottom: 0 !important; }
.ts-media-text h3 { font-size: 13px; font-weight: 600; } .ts-media-text h3[data-level='1'] { font-size: 15px; }
.ts-media-text code { font-family: var(--ts-mono); font-size: 0.93em; background: var(--ts-inset); border-radius: 3px; padding: 0 3px; }
.ts-media-text pre { background: var(--ts-inset); border-radius: 4px; padding: 6px 8px; font: 11.5px/1.45 var(--ts-mono); overflow: auto; }
.ts-media-text blockquote { border-left: 3px solid var(--ts-line); padding: 0 0 0 10px; color: var(--ts-muted); white-space: pre-line; }
.ts-media-text p { white-space: pre-line; } .ts-media-text ul, .ts-media-text ol { padding: 0 0 0 20px !important; }
.ts-media-text a { color: var(--ts-forward); } .ts-media-text hr { border: 0; border-top: 1px solid var(--ts-line); }
.ts-media-table { border-collapse: collapse; font-size: 12px; } .ts-media-table th, .ts-media-table td { padding: 2px 10px 2px 0; text-align: left; border-bottom: 1px solid var(--ts-line); }
.ts-media-table th { font-weight: 600; color: var(--ts-muted); } .ts-media-table td.ts-num { text-align: right; font-family: var(--ts-mono); }
.ts-media-plot { width: 100%; aspect-ratio: 1.25; max-height: 260px; } .ts-media-plot text { font: 10.5px var(--ts-font); fill: var(--ts-muted); }
.ts-media-turn { width: 100%; aspect-ratio: 1.2; touch-action: none; cursor: grab; }
.ts-media-maps { position: relative; } .ts-media-maps canvas { max-width: 100%; cursor: crosshair; border-radius: 3px; }
.ts-media-choose { display: flex; flex-wrap: wrap; gap: 4px; padding: 2px 0 4px; }
.ts-media-note { color: var(--ts-muted); max-width: 64ch; }
`;
