import { backward } from '../views/backward';
import { widget } from './host';

export default widget(backward, 520);
