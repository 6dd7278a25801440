import { findings } from '../views/findings';
import { widget } from './host';

export default widget(findings, 360);
