import { runs } from '../views/runs';
import { HEIGHTS } from '../views/heights';
import { widget } from './host';

export default widget(runs, HEIGHTS.runs);
