package load

// bareKustomization is the name of a kustomization that is no manifest by its ending.
const bareKustomization = "Kustomization"

// IsKustomization says whether kustomize takes a file of this name, which stands alone, for a kustomization.
func IsKustomization(name string) bool {
	return name == "kustomization.yaml" || name == "kustomization.yml" || name == bareKustomization
}

// Sole is the one document of a source, whatever it is; nil where there are several, or none that can be read. Whoever reads
// the source as manifests is told what is wrong with it.
func Sole(source Source, limits Limits) (sole *Document) {
	limits = limits.orDefault()
	raw, problem := readSource(source, limits.FileBytes)
	if problem != nil {
		return nil
	}
	r := reader{path: source.Path, text: string(raw), limits: limits, line: 1}
	for offset := 0; offset < len(r.text); {
		document, next := nextYAML(r.text, offset)
		value, err := r.decodeYAML(document)
		value.recycle()
		if r.count++; err != nil || r.count > limits.Documents {
			return nil
		}
		if !isAbsent(value.term) {
			if sole != nil {
				return nil
			}
			place := &positions{text: r.text[document.start:document.end], line: r.lineOf(document.start)}
			sole = &Document{Term: value.term, File: r.path, positions: place}
		}
		offset = next
	}
	return sole
}
