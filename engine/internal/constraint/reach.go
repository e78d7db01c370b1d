package constraint

func (l *loader) neverFiring() {}
