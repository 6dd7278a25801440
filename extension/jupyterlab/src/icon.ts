import { LabIcon } from '@jupyterlab/ui-components';

/** A reel of tape with three nodes on it; `jp-icon3` gives it the theme's own grey, `jp-icon-accent0` the theme's accent. */
const svgstr = `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="none" stroke="#616161" stroke-width="2" stroke-linecap="round">
    <circle cx="11" cy="11" r="8"/>
    <path d="M11 19h10"/>
  </g>
  <g class="jp-icon3" fill="none" stroke="#616161" stroke-width="1.5">
    <path d="M11 7.5 8 13.5h6z"/>
  </g>
  <g class="jp-icon3" fill="#616161">
    <circle cx="8" cy="13.5" r="1.9"/>
    <circle cx="14" cy="13.5" r="1.9"/>
    <circle cx="11" cy="7.5" r="2.1"/>
  </g>
</svg>`;

export const tapescopeIcon = new LabIcon({ name: 'tapescope:icon', svgstr });
