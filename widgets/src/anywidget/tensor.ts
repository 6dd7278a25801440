import { tensor } from '../views/tensor';
import { HEIGHTS } from '../views/heights';
import { widget } from './host';

export default widget(tensor, HEIGHTS.tensor);
