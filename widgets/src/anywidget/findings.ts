import { findings } from '../views/findings';
import { HEIGHTS } from '../views/heights';
import { widget } from './host';

export default widget(findings, HEIGHTS.findings);
