import { backward } from '../views/backward';
import { HEIGHTS } from '../views/heights';
import { widget } from './host';

export default widget(backward, HEIGHTS.backward);
