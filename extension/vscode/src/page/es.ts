/** Spanish, for those who read it. */

export { es } from '@tapescope/widgets/words/es';
